"""Who may talk to whom: TLS, mutual TLS and tokens, against servers inside the test."""

from dataclasses import dataclass
from pathlib import Path

import ferrule_client
import grpc
import pytest
import trustme
from ferrule_client import Client, Tls, messages

from clients.python.tests.scripted import Script, serving

TOKEN = "8f3b-not-for-the-log"


@dataclass
class Authority:
    """An authority and certificates that it signed."""

    root: bytes
    server: trustme.LeafCert
    caller: trustme.LeafCert

    def credentials(self, *, mutual: bool = False) -> grpc.ServerCredentials:
        return grpc.ssl_server_credentials(
            [(self.server.private_key_pem.bytes(), chain(self.server))],
            root_certificates=self.root if mutual else None,
            require_client_auth=mutual,
        )


def chain(certificate: trustme.LeafCert) -> bytes:
    return b"".join(blob.bytes() for blob in certificate.cert_chain_pems)


@pytest.fixture(scope="module")
def authority() -> Authority:
    made = trustme.CA()
    return Authority(made.cert_pem.bytes(), made.issue_cert("127.0.0.1"), made.issue_cert("caller.example"))


@pytest.fixture
def script() -> Script:
    return Script(answer=messages.ListModelsResponse().SerializeToString())


def test_a_server_is_known_by_its_certificate(authority: Authority, script: Script) -> None:
    with serving(script, credentials=authority.credentials()) as address:
        with Client(address, tls=Tls(root_certificates=authority.root), token=TOKEN) as client:
            assert client.list_models() == []
        assert script.metadata["authorization"] == f"Bearer {TOKEN}"

        script.calls.clear()
        stranger = trustme.CA().cert_pem.bytes()
        for wrong in (Tls(root_certificates=stranger), Tls(), None):
            with Client(address, tls=wrong, timeout=5) as client, pytest.raises(ferrule_client.FerruleError) as caught:
                client.list_models()
            assert type(caught.value) in {ferrule_client.Unavailable, ferrule_client.DeadlineExceeded}
        assert script.calls == []


def test_a_caller_is_known_by_its_certificate(authority: Authority, script: Script, tmp_path: Path) -> None:
    caller = tmp_path / "caller.pem"
    caller.write_bytes(chain(authority.caller))
    authority.caller.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "root.pem").write_bytes(authority.root)
    with serving(script, credentials=authority.credentials(mutual=True)) as address:
        known = Tls.from_files(
            root_certificates=tmp_path / "root.pem", certificate=str(caller), key=tmp_path / "key.pem"
        )
        with Client(address, tls=known) as client:
            assert client.list_models() == []
        script.calls.clear()
        unknown = Tls(root_certificates=authority.root)
        with Client(address, tls=unknown, timeout=5) as client, pytest.raises(ferrule_client.FerruleError):
            client.list_models()
        assert script.calls == []


def test_several_servers_have_one_name(script: Script) -> None:
    made = trustme.CA()
    named = made.issue_cert("ferrule.example")
    credentials = grpc.ssl_server_credentials([(named.private_key_pem.bytes(), chain(named))])
    roots = made.cert_pem.bytes()
    with serving(script, credentials=credentials) as one, serving(script, credentials=credentials) as other:
        with pytest.raises(ValueError, match="tls: several addresses need server_name"):
            Client([one, other], tls=Tls(root_certificates=roots))
        for target in (one, [one, other]):
            for name, known in (("ferrule.example", True), ("another.example", False)):
                tls = Tls(root_certificates=roots, server_name=name)
                with Client(target, tls=tls, timeout=5) as client:
                    if known:
                        assert client.list_models() == []
                    else:
                        with pytest.raises(ferrule_client.Unavailable):
                            client.list_models()


def test_a_certificate_needs_its_key(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="tls: expected certificate and key"):
        Tls(certificate=chain(authority.caller))
    with pytest.raises(FileNotFoundError):
        Tls.from_files(root_certificates=tmp_path / "nowhere.pem")


def test_a_token_travels_in_the_open_only_on_this_machine(script: Script) -> None:
    with serving(script) as address, Client(address, token=TOKEN) as client:
        client.list_models()
        assert script.metadata["authorization"] == f"Bearer {TOKEN}"
    for remote in ("10.0.0.1:1", "ferrule:50051", ["127.0.0.1:1", "10.0.0.1:1"], "dns:///ferrule:50051", "xds:///here"):
        with pytest.raises(ValueError, match=r"token: would be sent to .* unencrypted") as caught:
            Client(remote, token=TOKEN)
        assert TOKEN not in str(caught.value)
        Client(remote, token=TOKEN, allow_plaintext_token=True).close()
        Client(remote, token=TOKEN, tls=Tls(server_name="ferrule")).close()
        Client(remote).close()


def test_without_a_token_none_is_sent(script: Script) -> None:
    with serving(script) as address, Client(address) as client:
        client.list_models()
        assert "authorization" not in script.metadata


def test_secrets_are_not_shown() -> None:
    key = Tls(certificate=b"certificate", key=TOKEN.encode())
    with Client("127.0.0.1:1", token=TOKEN) as client:
        shown = f"{client!r} {client} {key!r} {key}"
    assert TOKEN not in shown
    assert "127.0.0.1:1" in shown
    for unfit in ("", "two words", f"{TOKEN}\n", "schlüssel"):
        with pytest.raises(ValueError, match="token: expected visible ASCII") as caught:
            Client(token=unfit)
        assert TOKEN not in str(caught.value)
