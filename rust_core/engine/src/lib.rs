//! Serving without a socket: a call is a method, request bytes and a context, answered with response bytes or a status.
//!
//! Everything that decides an answer is here, once, for both servers: decoding, validation, limits, the model
//! repository, computing, encoding, the error that a caller sees. A server is a transport in front of an [`Engine`]:
//!
//! - [`command_line`] and [`config`] say what to serve; both servers take the same flags and settings;
//! - [`Board`] is what the workers of one server share; each worker starts an [`Engine`] at its [`Seat`];
//! - [`Engine::call`] answers a unary [`Method`], [`Engine::open`] starts a stream;
//! - [`offline`] reads and writes models without a server;
//! - [`Status`] is what a caller is told instead of an answer.

mod board;
mod call;
pub mod command_line;
pub mod config;
mod encoding;
mod engine;
mod error;
mod fit_parameters;
mod fit_predict;
pub mod health;
mod matrix;
mod method;
mod model;
mod model_description;
mod model_file;
mod model_name;
mod models;
pub mod offline;
#[cfg(feature = "parts")]
pub mod parts;
mod predict;
mod prediction;
mod reflection;
mod repository;
mod request;
mod session;
mod sparse;
mod status;
pub mod telemetry;
mod work;

pub use board::{Board, Seat};
pub use call::{Answer, Call, Cancel, Context, Pending};
pub use config::Config;
pub use engine::{Engine, StartError};
pub use method::{Lane, Method, Shape};
pub use session::{Replies, Session};
pub use status::{Code, Status};
