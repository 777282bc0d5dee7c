use ferrule_algorithms::{Precision, kmeans::KMeans};

use std::time::SystemTime;

use super::*;
use crate::model::{Algorithm, Origin};

fn model(centre: f64) -> Model {
    Model {
        algorithm: Algorithm::KMeans(KMeans::new(vec![centre], 1, 1).unwrap()),
        feature_names: vec![],
        precision: Precision::default(),
        origin: Origin::default(),
    }
}

fn name(name: &str) -> ModelName {
    ModelName::new(name).unwrap()
}

fn open(directory: &Path) -> Repository {
    Repository::open(directory, Board::create(1).unwrap()).unwrap()
}

fn centre(found: &(u32, Arc<Model>)) -> f64 {
    match &found.1.algorithm {
        Algorithm::KMeans(model) => model.centers()[0],
        Algorithm::LogisticRegression(..) => panic!("a K-Means model was published"),
    }
}

fn damage(directory: &Path, version: u32) {
    let path = directory.join(format!("m/{version}/{FILE_NAME}"));
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn versions_are_numbered_and_the_newest_answers() {
    let folder = tempfile::tempdir().unwrap();
    let repository = open(folder.path());
    assert_eq!(
        repository.find(&name("m"), None).unwrap_err(),
        Error::NoModel("m".into())
    );
    assert_eq!(repository.publish(&name("m"), &model(1.0)).unwrap(), 1);
    assert_eq!(repository.publish(&name("m"), &model(2.0)).unwrap(), 2);
    assert_eq!(centre(&repository.find(&name("m"), None).unwrap()), 2.0);
    assert_eq!(centre(&repository.find(&name("m"), Some(1)).unwrap()), 1.0);
    assert!(matches!(
        repository.find(&name("m"), Some(3)),
        Err(Error::NoVersion { version: 3, .. })
    ));
}

#[test]
fn publications_at_the_same_time_get_different_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (open(folder.path()), open(folder.path()));
    let mut numbers: Vec<u32> = thread::scope(|scope| {
        let publishers: Vec<_> = [&first, &second, &first, &second]
            .into_iter()
            .map(|repository| {
                scope.spawn(move || {
                    (0..10)
                        .map(|_| repository.publish(&name("m"), &model(0.0)).unwrap())
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        publishers
            .into_iter()
            .flat_map(|publisher| publisher.join().unwrap())
            .collect()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
}

#[test]
fn another_server_finds_a_version_by_number_at_once_and_the_newest_after_a_poll() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (open(folder.path()), open(folder.path()));
    here.publish(&name("m"), &model(1.0)).unwrap();
    assert_eq!(
        there.find(&name("m"), None).unwrap().0,
        1,
        "a model that is new altogether"
    );
    here.publish(&name("m"), &model(2.0)).unwrap();
    assert_eq!(there.find(&name("m"), None).unwrap().0, 1);
    assert_eq!(there.find(&name("m"), Some(2)).unwrap().0, 2);
    here.publish(&name("m"), &model(3.0)).unwrap();
    there.rescan().unwrap();
    assert_eq!(there.find(&name("m"), None).unwrap().0, 3);
}

#[test]
fn workers_of_one_server_share_publications_and_unloads_and_other_servers_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let board = Board::create(2).unwrap();
    let workers = [(); 2].map(|()| Repository::open(folder.path(), board.clone()).unwrap());
    let other_server = open(folder.path());
    workers[0].publish(&name("m"), &model(1.0)).unwrap();
    workers[0].publish(&name("m"), &model(2.0)).unwrap();
    assert_eq!(workers[1].find(&name("m"), None).unwrap().0, 2);
    workers[1].unload(&name("m"), Some(2)).unwrap();
    assert_eq!(workers[0].find(&name("m"), None).unwrap().0, 1);
    assert_eq!(
        workers[0].find(&name("m"), Some(2)).unwrap_err(),
        Error::Unloaded("m/2".into())
    );
    assert_eq!(
        workers[0].states(&name("m")).unwrap(),
        [(1, State::Available), (2, State::Unloaded)]
    );
    assert_eq!(other_server.find(&name("m"), Some(2)).unwrap().0, 2);
    workers[0].unload(&name("m"), None).unwrap();
    assert_eq!(
        workers[1].find(&name("m"), None).unwrap_err(),
        Error::Unloaded("m/2".into())
    );
    workers[1].load(&name("m"), None).unwrap();
    assert_eq!(workers[0].find(&name("m"), None).unwrap().0, 2);
}

#[test]
fn a_damaged_version_is_refused_and_the_one_before_it_serves() {
    let folder = tempfile::tempdir().unwrap();
    let repository = open(folder.path());
    repository.publish(&name("m"), &model(1.0)).unwrap();
    repository.publish(&name("m"), &model(2.0)).unwrap();
    let whole = fs::read(folder.path().join(format!("m/2/{FILE_NAME}"))).unwrap();
    damage(folder.path(), 2);
    let restarted = open(folder.path());
    assert_eq!(restarted.find(&name("m"), None).unwrap().0, 1);
    let Err(Error::Damaged {
        model: refused,
        problem,
    }) = restarted.find(&name("m"), Some(2))
    else {
        panic!("a damaged file is refused");
    };
    assert_eq!(
        (refused.as_str(), problem.as_str()),
        ("m/2", "the checksum does not match the content")
    );
    restarted.rescan().unwrap();
    restarted.publish(&name("other"), &model(0.0)).unwrap();
    assert_eq!(
        restarted.states(&name("m")).unwrap()[1],
        (2, State::Damaged),
        "until something changes"
    );
    fs::write(folder.path().join(format!("m/2/{FILE_NAME}")), whole).unwrap();
    restarted.load(&name("m"), Some(2)).unwrap();
    assert_eq!(restarted.find(&name("m"), None).unwrap().0, 2);
}

#[test]
fn what_is_not_a_version_is_ignored_and_old_leftovers_go() {
    let folder = tempfile::tempdir().unwrap();
    let repository = open(folder.path());
    repository.publish(&name("m"), &model(1.0)).unwrap();
    for stray in [
        "m/x",
        "m/02",
        "m/0",
        "NOT a model/1",
        ".hidden/1",
        "m/.unfinished-new",
        "m/.unfinished-old",
    ] {
        fs::create_dir_all(folder.path().join(stray)).unwrap();
    }
    fs::write(folder.path().join("a-file"), "").unwrap();
    let old = SystemTime::now() - Duration::from_secs(2 * 3600);
    fs::File::open(folder.path().join("m/.unfinished-old"))
        .unwrap()
        .set_modified(old)
        .unwrap();
    let reopened = open(folder.path());
    assert_eq!(reopened.list().unwrap(), [(name("m"), vec![(1, State::Available)])]);
    assert!(folder.path().join("m/.unfinished-new").exists());
    assert!(!folder.path().join("m/.unfinished-old").exists());
}

#[test]
fn a_folder_without_versions_is_not_scanned_for_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let repository = open(folder.path());
    fs::create_dir_all(folder.path().join("m/.unfinished-x")).unwrap();
    let before = repository.index.load_full();
    assert_eq!(
        repository.find(&name("m"), None).unwrap_err(),
        Error::NoModel("m".into())
    );
    assert!(Arc::ptr_eq(&before, &repository.index.load_full()));
}

#[test]
fn calls_that_waited_for_a_scan_do_not_scan_again() {
    let folder = tempfile::tempdir().unwrap();
    let repository = open(folder.path());
    repository.board.next_generation();
    let scanned = thread::scope(|scope| {
        let one = repository.scanning.lock().unwrap();
        let waiting = [(); 4].map(|()| scope.spawn(|| repository.list().unwrap()));
        // Time for some to come to the lock; those that do not find the new index.
        thread::sleep(Duration::from_millis(50));
        let scanned = Arc::new(Index {
            generation: repository.board.generation(),
            ..Index::default()
        });
        repository.index.store(scanned.clone());
        drop(one);
        for call in waiting {
            call.join().unwrap();
        }
        scanned
    });
    assert!(Arc::ptr_eq(&scanned, &repository.index.load_full()));
}

#[test]
fn a_publication_answers_also_under_the_number_of_an_unloaded_version_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let repository = open(folder.path());
    repository.publish(&name("m"), &model(1.0)).unwrap();
    repository.unload(&name("m"), Some(1)).unwrap();
    fs::remove_dir_all(folder.path().join("m/1")).unwrap();
    assert_eq!(repository.publish(&name("m"), &model(2.0)).unwrap(), 1);
    assert_eq!(centre(&repository.find(&name("m"), None).unwrap()), 2.0);
}

#[test]
fn a_directory_that_is_gone_is_an_error_and_what_is_in_memory_serves_on() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, away) = (folder.path().join("models"), folder.path().join("away"));
    let repository = open(&directory);
    repository.publish(&name("m"), &model(1.0)).unwrap();
    assert_eq!(repository.find(&name("m"), None).unwrap().0, 1);
    fs::rename(&directory, away).unwrap();
    assert!(repository.rescan().is_err());
    assert_eq!(repository.find(&name("m"), None).unwrap().0, 1);
}
