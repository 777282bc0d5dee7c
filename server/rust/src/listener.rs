//! One port for all workers, and for no other server.
//!
//! Sockets with `SO_REUSEPORT` share a port silently, with any process of the same user. So the first socket binds
//! and listens without it, which the kernel grants to one process only; after that it lets the sockets of its own
//! workers in. `SO_REUSEADDR` is set on all of them: connections inherit it, and without it those that linger in
//! TIME_WAIT would keep the next server from the port for a minute.

use std::{
    io,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait to be accepted; the kernel may allow fewer (`net.core.somaxconn`).
const BACKLOG: i32 = 1024;

/// Why there is nothing to listen on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The host has no address.
    #[error("cannot listen on {host}: {cause}")]
    Host {
        /// As in the settings.
        host: String,
        /// What the resolver says.
        cause: io::Error,
    },
    /// The address can't be had, as when another process listens there.
    #[error("cannot listen on {address}: {cause}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
}

/// Listens on the first address of `host` that this machine has, once for each worker. Port 0 is replaced by one
/// that the system chooses. All listeners have the same local address.
pub(crate) fn bind(host: &str, port: u16, workers: usize) -> Result<Vec<TcpListener>, ListenError> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses(host, port)? {
        match share(address, workers) {
            // A name may have addresses of a family or interface that is not there. A taken port is not skipped.
            Err(cause) if cause.kind() == io::ErrorKind::AddrNotAvailable || unsupported(&cause) => last = cause,
            Err(cause) => return Err(ListenError::Address { address, cause }),
            Ok(listeners) => return Ok(listeners),
        }
    }
    Err(ListenError::Host {
        host: host.to_owned(),
        cause: last,
    })
}

fn addresses(host: &str, port: u16) -> Result<impl Iterator<Item = SocketAddr>, ListenError> {
    (host, port).to_socket_addrs().map_err(|cause| ListenError::Host {
        host: host.to_owned(),
        cause,
    })
}

fn unsupported(cause: &io::Error) -> bool {
    cause.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn share(address: SocketAddr, workers: usize) -> io::Result<Vec<TcpListener>> {
    let first = socket(address)?;
    listen(&first, address)?;
    first.set_reuse_port(true)?;
    let address = first
        .local_addr()?
        .as_socket()
        .ok_or_else(|| io::Error::other("an internet socket has an internet address"))?;
    let mut listeners = vec![first.into()];
    for _ in 1..workers {
        let another = socket(address)?;
        another.set_reuse_port(true)?;
        listen(&another, address)?;
        listeners.push(another.into());
    }
    Ok(listeners)
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // `::` also serves IPv4, whatever the system's default is.
        socket.set_only_v6(false)?;
    }
    Ok(socket)
}

fn listen(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        io::{Read, Write},
        net::TcpStream,
        sync::Barrier,
        thread,
    };

    use super::*;

    fn port_of(listeners: &[TcpListener]) -> u16 {
        listeners[0].local_addr().unwrap().port()
    }

    #[test]
    fn a_taken_port_is_an_error_that_names_it() {
        let taken = bind("127.0.0.1", 0, 2).unwrap();
        let port = port_of(&taken);
        for workers in [1, 3] {
            let error = bind("127.0.0.1", port, workers).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("cannot listen on 127.0.0.1:{port}: Address already in use")),
                "{error}"
            );
        }
    }

    #[test]
    fn of_servers_that_start_at_once_at_most_one_gets_the_port() {
        let mut rounds_won = 0;
        for _ in 0..100 {
            let port = port_of(&bind("127.0.0.1", 0, 1).unwrap());
            let barrier = Barrier::new(4);
            let won: Vec<_> = thread::scope(|scope| {
                let racing: Vec<_> = (0..4)
                    .map(|_| {
                        scope.spawn(|| {
                            barrier.wait();
                            bind("127.0.0.1", port, 2)
                        })
                    })
                    .collect();
                racing.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            // Counted while every winner still listens.
            let winners = won.iter().filter(|outcome| outcome.is_ok()).count();
            assert!(winners <= 1);
            rounds_won += winners;
        }
        // Not each round: two that listen in the same instant can both be refused.
        assert!(rounds_won > 0);
    }

    #[test]
    fn every_listener_gets_connections() {
        let listeners = bind("127.0.0.1", 0, 2).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let clients: Vec<_> = (0..64).map(|_| TcpStream::connect(address).unwrap()).collect();
        let got: HashSet<_> = listeners
            .iter()
            .enumerate()
            .filter(|(_, listener)| listener.accept().is_ok())
            .map(|(worker, _)| worker)
            .collect();
        // By chance once in 2^63 runs.
        assert_eq!(got, HashSet::from([0, 1]));
        drop(clients);
    }

    #[test]
    fn the_port_is_free_again_as_soon_as_its_server_stops() {
        let listeners = bind("127.0.0.1", 0, 1).unwrap();
        let port = port_of(&listeners);
        let mut client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        listeners[0].set_nonblocking(false).unwrap();
        let (mut accepted, _) = listeners[0].accept().unwrap();
        accepted.write_all(b"x").unwrap();
        // The end that closes first lingers in TIME_WAIT.
        drop((accepted, listeners));
        assert_eq!(client.read_to_end(&mut Vec::new()).unwrap(), 1);
        drop(client);
        assert_eq!(port_of(&bind("127.0.0.1", port, 2).unwrap()), port);
    }

    #[test]
    fn names_are_resolved_and_unknown_ones_refused() {
        let listeners = bind("localhost", 0, 1).unwrap();
        assert!(listeners[0].local_addr().unwrap().ip().is_loopback());
        let error = bind("no-such-host.invalid", 0, 1).unwrap_err().to_string();
        assert!(error.contains("no-such-host.invalid"), "{error}");
    }

    #[test]
    fn ipv6_is_served_where_the_machine_has_it() {
        match bind("::1", 0, 2) {
            Ok(listeners) => assert!(TcpStream::connect(listeners[1].local_addr().unwrap()).is_ok()),
            Err(error) => assert!(error.to_string().contains("::1"), "{error}"),
        }
    }
}
