"""What KMS makes of trouble with an XKS proxy: which error, in which words, for which operation.

    Create/UpdateCustomKeyStore   an exception of its own        `managing`
    CreateKey                     `creating`
    ConnectCustomKeyStore         no exception: FAILED, with     `connecting`
    cryptography                  KMSInvalidStateException, always; the message says why

Sources: "AWS KMS External Key Store Proxy API Specification", error codes; "Troubleshooting
external key stores" (KMS Developer Guide, 2023), which is newer and counts where they differ. Where
neither says what an error means for an operation, it is an answer that KMS cannot interpret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kmslab.errors import AwsError, KmslabError

_PROXY, _STATE = "The external key store proxy", "CustomKeyStoreInvalidStateException"
_REPORT = "report it to your external key store proxy administrator."
_UNREACHABLE, _RESPONSE = "XksProxyUriUnreachableException", "XksProxyInvalidResponseException"
_CONFIGURATION = "XksProxyInvalidConfigurationException"
_BAD_KEY = "XksKeyInvalidConfigurationException"
_AGAIN = f"Retry the request. If you see this error repeatedly, {_REPORT}"


@dataclass(frozen=True, slots=True)
class Failure:
    """One kind of trouble: the error of each group of operations, and the words of all."""

    managing: str
    creating: str
    connecting: str
    message: str


_UNCLEAR = Failure(
    _RESPONSE,
    _STATE,
    "XKS_PROXY_INVALID_RESPONSE",
    "AWS KMS cannot interpret the response from the external key store proxy. If you see this "
    f"error repeatedly, {_REPORT}",
)


def _about_key(creating: str, message: str) -> Failure:
    """Trouble with an external key, which only CreateKey and cryptography ask about."""
    return Failure(_UNCLEAR.managing, creating, _UNCLEAR.connecting, message)


FAILURES: Mapping[str, Failure] = MappingProxyType(
    {
        # what the proxy answers
        "ValidationException": _UNCLEAR,
        "InvalidStateException": _about_key(
            _BAD_KEY,
            f"{_PROXY} rejected the request because the external key is not enabled in the "
            "external key manager.",
        ),
        "InvalidCiphertextException": _about_key(
            _STATE,
            f"{_PROXY} rejected the request because the specified ciphertext or additional "
            "authenticated data is corrupted, missing, or otherwise invalid.",
        ),
        "InvalidKeyUsageException": _about_key(
            _BAD_KEY,
            f"{_PROXY} rejected the request because the external key does not support the "
            "requested operation.",
        ),
        "AuthenticationFailedException": Failure(
            "XksProxyIncorrectAuthenticationCredentialException",
            _STATE,
            "INVALID_CREDENTIALS",
            f"{_PROXY} rejected the request because it could not authenticate AWS KMS. Verify the "
            "credentials for your external key store and update if necessary.",
        ),
        "AccessDeniedException": Failure(
            _RESPONSE,
            _STATE,
            "XKS_PROXY_ACCESS_DENIED",
            f"{_PROXY} denied access to the operation. Verify that the user and the external key "
            "are both authorized for this operation, and try the request again.",
        ),
        "KeyNotFoundException": _about_key(
            "XksKeyNotFoundException",
            f"{_PROXY} rejected the request because it could not find the external key.",
        ),
        "InvalidUriPathException": Failure(
            _CONFIGURATION,
            _STATE,
            "XKS_PROXY_INVALID_CONFIGURATION",
            f"{_PROXY} rejected the request because of an invalid URI path. Verify the URI path "
            "for your external key store and update if necessary.",
        ),
        "UnsupportedOperationException": _about_key(
            _STATE,
            f"{_PROXY} rejected the request because it does not support the requested "
            "cryptographic operation.",
        ),
        "DependencyTimeoutException": Failure(
            _UNREACHABLE,
            _STATE,
            "XKS_PROXY_TIMED_OUT",
            f"{_PROXY} did not respond to the request in the time allotted. {_AGAIN}",
        ),
        "ThrottlingException": Failure(
            _UNREACHABLE,
            _STATE,
            "XKS_PROXY_NOT_REACHABLE",
            f"{_PROXY} rejected the request due to a very high request rate. Reduce the frequency "
            "of your calls using KMS keys in this external key store.",
        ),
        "InternalException": Failure(
            _RESPONSE,
            _STATE,
            "XKS_PROXY_NOT_REACHABLE",
            f"{_PROXY} rejected the request because it cannot communicate with the external key "
            "manager. Verify that the external key store proxy configuration is correct and that "
            "the external key manager is available.",
        ),
        # what KMS sees itself
        "no connection": Failure(
            _UNREACHABLE,
            _STATE,
            "XKS_PROXY_NOT_REACHABLE",
            "AWS KMS cannot communicate with the external key store proxy. This might be a "
            "transient network issue. If you see this error repeatedly, verify that your external "
            "key store proxy is active and is connected to the network, and that its endpoint URI "
            "is correct in your external key store.",
        ),
        "no TLS": Failure(
            _CONFIGURATION,
            _STATE,
            "XKS_PROXY_INVALID_TLS_CONFIGURATION",
            "AWS KMS cannot establish a TLS connection to the external key store proxy. Verify "
            "the TLS configuration, including its certificate.",
        ),
        "timeout": Failure(
            _UNREACHABLE,
            _STATE,
            "XKS_PROXY_TIMED_OUT",
            "AWS KMS rejected the request because the external key store proxy did not respond in "
            f"time. {_AGAIN}",
        ),
        "unclear": _UNCLEAR,
        "unhealthy": Failure(
            _UNREACHABLE,
            _STATE,
            "XKS_PROXY_NOT_REACHABLE",
            f"{_PROXY} is in an unhealthy state. If you see this message repeatedly, notify your "
            "external key store proxy administrator.",
        ),
        "wrong inside": _about_key(
            _STATE,
            "The ciphertext that the external key store proxy submitted for decryption, or the "
            "encryption context, is corrupted, missing, or otherwise invalid.",
        ),
    }
)


class ProxyTrouble(KmslabError):
    """An XKS proxy did not do what KMS asked; `kind` is one of `FAILURES`."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind
        self.failure = FAILURES[kind]

    def managing(self) -> AwsError:
        """The error of CreateCustomKeyStore and UpdateCustomKeyStore."""
        return AwsError(self.failure.managing, self.failure.message)

    def creating(self) -> AwsError:
        """The error of CreateKey."""
        return AwsError(self.failure.creating, self.failure.message)

    def using(self) -> AwsError:
        """The error of cryptography."""
        return AwsError("KMSInvalidStateException", self.failure.message)
