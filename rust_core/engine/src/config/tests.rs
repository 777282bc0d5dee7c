use super::*;

fn resolve(file: Option<&str>, environment: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ferrule.toml");
    if let Some(text) = file {
        fs::write(&path, text).unwrap();
    }
    Config::resolve(Layers {
        file: file.map(|_| path),
        environment: environment.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        flags: vec![],
    })
    .map_err(|error| error.to_string())
}

#[test]
fn the_defaults_are_valid_and_survive_a_round_trip() {
    let config = resolve(None, &[]).unwrap();
    assert_eq!(config.server.port, 50051);
    assert_eq!(Config::from_toml(&config.to_toml()).unwrap(), config);
}

#[test]
fn flags_go_over_environment_over_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.toml");
    fs::write(&path, "[server]\nport = 1\nworkers = 1\n[log]\nlevel = \"debug\"").unwrap();
    let config = Config::resolve(Layers {
        file: Some(path),
        environment: vec![
            ("FERRULE_SERVER_PORT".into(), "2".into()),
            ("FERRULE_SERVER_WORKERS".into(), "2".into()),
            ("HOME".into(), "x".into()),
        ],
        flags: vec![("--port", "server.port", Value::Integer(3))],
    })
    .unwrap();
    assert_eq!(
        (config.server.port, config.server.workers, config.log.level),
        (3, 2, Level::Debug)
    );
}

#[test]
fn an_empty_directory_is_not_the_current_one() {
    let text = resolve(None, &[("FERRULE_MODELS_DIRECTORY", "")]).unwrap_err();
    assert!(text.contains("models.directory: expected a path"), "{text}");
}

#[test]
fn every_mistake_is_reported_at_once() {
    let text = resolve(
        Some("[server]\nport = 70000\nhots = 1\n[limits]\nmax_cells = 0\n[compute]\nsimd = \"mmx\"\n[lgo]\nlevel = 1"),
        &[
            ("FERRULE_SERVER_DRAIN_DELAY", "soon"),
            ("FERRULE_NONSENSE", "1"),
            ("FERRULE_SERVER_HOST", "0.0.0.0"),
            ("FERRULE_MODELS_DIRECTORY", &String::from_utf8_lossy(b"mod\xffels")),
        ],
    )
    .unwrap_err();
    for expected in [
        "9 mistakes",
        "server.port",
        "no setting server.hots",
        "limits.max_cells: expected at least 1, got 0",
        "compute.simd: expected auto, portable, avx2, avx512, got \"mmx\"",
        "no setting lgo.level",
        "FERRULE_SERVER_DRAIN_DELAY: server.drain_delay",
        "FERRULE_NONSENSE: there is no setting nonsense",
        "allow_remote_plaintext",
        "FERRULE_MODELS_DIRECTORY: models.directory: expected UTF-8",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing from:\n{text}");
    }
}

#[test]
fn what_was_expected_is_said_in_words() {
    let text = resolve(
        Some("[server]\nport = 70000\nworkers = \"three\"\n[limits]\nmax_cells = -1"),
        &[("FERRULE_SERVER_DRAIN_DELAY", "12")],
    )
    .unwrap_err();
    for words in [
        "from 0 to 65535",
        "at least 0",
        "from 0 to 4294967295",
        "such as \"500ms\"",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(
        !text.contains("u16") && !text.contains("u32") && !text.contains("usize"),
        "{text}"
    );
}

#[test]
fn what_kubernetes_says_of_services_is_not_taken_for_settings() {
    let config = resolve(
        None,
        &[
            ("FERRULE_SERVICE_HOST", "10.0.0.7"),
            ("FERRULE_SERVICE_PORT", "50051"),
            ("FERRULE_SERVICE_PORT_GRPC", "50051"),
            ("FERRULE_PORT", "tcp://10.0.0.7:50051"),
            ("FERRULE_PORT_50051_TCP", "tcp://10.0.0.7:50051"),
            ("FERRULE_PORT_50051_TCP_PROTO", "tcp"),
            ("FERRULE_PORT_50051_TCP_PORT", "50051"),
            ("FERRULE_PORT_50051_TCP_ADDR", "10.0.0.7"),
            ("FERRULE_SERVER_PORT", "tcp://10.0.0.7:50051"),
            ("FERRULE_SERVER_SERVICE_HOST", "10.0.0.7"),
        ],
    );
    assert_eq!(config.unwrap().server.port, 50051);
    for (name, text) in [
        ("FERRULE_SERVER_PORT", "http://x"),
        ("FERRULE_PORT_X_TCP", "1"),
        ("FERRULE_PORT_1_TCP_NAME", "1"),
        ("FERRULE_PORT", "1"),
        ("FERRULE_SERVICE", "1"),
    ] {
        assert!(resolve(None, &[(name, text)]).is_err(), "{name}");
    }
}

#[test]
fn no_setting_looks_like_what_kubernetes_says() {
    for (section, entries) in DEFAULTS.parse::<Table>().unwrap() {
        for (key, value) in entries.as_table().unwrap() {
            let name = format!("{ENVIRONMENT_PREFIX}{section}_{key}").to_ascii_uppercase();
            assert!(!service_link::is_one(&name, &value.to_string()), "{name}");
        }
    }
}

#[test]
fn durations_end_within_a_day() {
    for name in [
        "FERRULE_SERVER_DRAIN_DELAY",
        "FERRULE_SERVER_DRAIN_TIMEOUT",
        "FERRULE_MODELS_POLL_INTERVAL",
    ] {
        assert!(resolve(None, &[(name, "24h")]).is_ok());
        for (longer, shown) in [("24h 1ms", "1day 1ms"), ("500000000000y", "500000000000years")] {
            let text = resolve(None, &[(name, longer)]).unwrap_err();
            let expected = format!("expected at most 1day, got {shown}");
            assert!(text.ends_with(&expected), "{text}");
        }
    }
}
