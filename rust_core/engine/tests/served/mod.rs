//! An engine on an empty repository, and the messages to ask it with.

#![allow(dead_code, missing_docs, reason = "no test file uses all of it")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use bytes::Bytes;
use ferrule_engine::{Board, Call, Config, Context, Engine, Method, Status, config::Layers};
use ferrule_proto::{
    ferrule::v1::{
        Csr, FitPredictRequest, FitPredictResponse, Integers, Labels, Matrix, PredictRequest, PredictResponse,
        labels::Kind,
    },
    google::rpc,
};
use prost::Message;
use tempfile::TempDir;

pub struct Served {
    pub engine: Engine,
    _models: TempDir,
}

pub fn served_with(change: impl FnOnce(&mut Config)) -> Served {
    let models = tempfile::tempdir().unwrap();
    let mut config = Config::resolve(Layers::default()).unwrap();
    config.models.directory = models.path().to_owned();
    config.models.poll_interval = Duration::from_millis(5);
    change(&mut config);
    let board = Board::create(1).unwrap();
    Served {
        engine: Engine::start(&config, board.seat(0)).unwrap(),
        _models: models,
    }
}

pub fn served() -> Served {
    served_with(|_| {})
}

impl Served {
    pub fn bytes(&self, method: Method, request: Bytes, context: Context) -> Result<Bytes, Status> {
        match self.engine.call(method, request, context) {
            Call::Answered(answer) => answer,
            Call::Running(pending) => pending.wait(),
        }
    }

    pub fn call<R: Message + Default>(&self, method: Method, request: &impl Message) -> Result<R, Status> {
        let request = request.encode_to_vec().into();
        self.bytes(method, request, Context::default())
            .map(|response| R::decode(response).unwrap())
    }

    pub fn fit(&self, request: &FitPredictRequest) -> Result<FitPredictResponse, Status> {
        self.call(Method::FitPredict, request)
    }

    pub fn predict(&self, request: &PredictRequest) -> Result<PredictResponse, Status> {
        self.call(Method::Predict, request)
    }
}

pub fn doubles(rows: u32, columns: u32, values: &[f64]) -> Option<Matrix> {
    Some(Matrix {
        rows,
        columns,
        values: values.to_vec(),
        ..Matrix::default()
    })
}

pub fn float64(rows: u32, columns: u32, values: &[f64]) -> Option<Matrix> {
    Some(Matrix {
        rows,
        columns,
        float64: values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect::<Vec<_>>()
            .into(),
        ..Matrix::default()
    })
}

pub fn asking(model: &str, input: Option<Matrix>) -> PredictRequest {
    PredictRequest {
        model: model.into(),
        input,
        ..PredictRequest::default()
    }
}

pub fn integers(labels: Option<Labels>) -> Vec<i64> {
    match labels.unwrap().kind.unwrap() {
        Kind::Integers(Integers { values }) => values,
        Kind::Strings(_) => panic!("integers were expected"),
    }
}

pub fn field_at_fault(status: &Status) -> String {
    let details = rpc::Status::decode(&*status.details).unwrap();
    assert_eq!((details.code, &details.message), (status.code as i32, &status.message));
    let violation: rpc::BadRequest = details.details[0].to_msg().unwrap();
    violation.field_violations[0].field.clone()
}

/// Rows of columns and values, as they are listed: in any order, a column also twice. float64.
pub fn sparse(columns: u32, rows: &[&[(u32, f64)]]) -> Matrix {
    let mut indptr = vec![0_u64];
    indptr.extend(rows.iter().scan(0, |end, row| {
        *end += row.len() as u64;
        Some(*end)
    }));
    let entries = || rows.iter().copied().flatten();
    Matrix {
        rows: rows.len() as u32,
        columns,
        float64: entries().flat_map(|(_, value)| value.to_le_bytes()).collect(),
        csr: Some(Csr {
            indptr: indptr.iter().flat_map(|offset| offset.to_le_bytes()).collect(),
            indices: entries().flat_map(|(column, _)| column.to_le_bytes()).collect(),
        }),
        ..Matrix::default()
    }
}

/// A float64 matrix as float32.
pub fn single(matrix: &Matrix) -> Matrix {
    let values = numbers(matrix);
    Matrix {
        float64: Bytes::new(),
        float32: values.iter().flat_map(|&value| (value as f32).to_le_bytes()).collect(),
        ..matrix.clone()
    }
}

/// A float64 matrix as a list of values.
pub fn readable(matrix: &Matrix) -> Matrix {
    Matrix {
        float64: Bytes::new(),
        values: numbers(matrix),
        ..matrix.clone()
    }
}

/// The values of a matrix in any encoding.
pub fn numbers(matrix: &Matrix) -> Vec<f64> {
    let float64 = matrix.float64.as_chunks().0.iter().copied().map(f64::from_le_bytes);
    let float32 = matrix.float32.as_chunks().0.iter().copied().map(f32::from_le_bytes);
    let values = matrix.values.iter().copied();
    values.chain(float64).chain(float32.map(f64::from)).collect()
}
