//! Variables that look like settings and are not: Kubernetes describes every service of a namespace to its containers, so
//! one called `ferrule` or `ferrule-server` gives them `FERRULE_SERVICE_HOST` or `FERRULE_SERVER_PORT=tcp://10.0.0.7:50051`.
//! <https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>

const PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// Whether Kubernetes set this variable. No setting has such a name; `FERRULE_SERVER_PORT` is told by
/// its value, which no setting takes.
pub(super) fn is_one(name: &str, text: &str) -> bool {
    if name.ends_with("_SERVICE_HOST") || name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") {
        return true;
    }
    let address = text
        .split_once("://")
        .is_some_and(|(protocol, _)| PROTOCOLS.contains(&protocol));
    (address && name.ends_with("_PORT")) || name.split_once("_PORT_").is_some_and(|(_, rest)| is_of_a_port(rest))
}

/// As `50051_TCP` or `50051_TCP_ADDR`.
fn is_of_a_port(rest: &str) -> bool {
    let mut parts = rest.split('_');
    let number = parts.next().is_some_and(|port| port.parse::<u16>().is_ok());
    let protocol = parts
        .next()
        .is_some_and(|protocol| PROTOCOLS.iter().any(|known| protocol.eq_ignore_ascii_case(known)));
    number && protocol && matches!(parts.next(), None | Some("PROTO" | "PORT" | "ADDR")) && parts.next().is_none()
}
