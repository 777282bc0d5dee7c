//! Serving without a socket.
