"""What to do about an error that no policy made: by the code that AWS answers with."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kmslab.explain import page

_STATE = "The key's state decides, not its policies. See describe_key's KeyState"
ADVICE: Mapping[str, str] = MappingProxyType(
    {
        "DisabledException": f"{_STATE}; enable_key turns it on again.",
        "KMSInvalidStateException": f"{_STATE}, and the table of key states in lesson 02.",
        "NotFoundException": "There is no such key, alias or grant in this account and Region. "
        "Keys of one Region are not seen in another, and an alias needs its prefix alias/.",
        "InvalidCiphertextException": "The ciphertext was changed, or the encryption context isn't "
        "the one it was made with. KMS doesn't say which: that would help an attacker.",
        "IncorrectKeyException": "The ciphertext was made under another key than the one named.",
        "InvalidKeyUsageException": "The key is made for something else: a key signs, or encrypts, "
        "or makes MACs. See describe_key's KeyUsage and the algorithms it lists.",
        "DryRunOperationException": "It would have worked: a dry run always ends in an error.",
        "MalformedPolicyDocumentException": "AWS refused to save the policy; lab.lint(policy) "
        "shows where it is wrong.",
        "LimitExceededException": "A quota of AWS is reached.",
        "ValidationException": "The request has not the form that AWS's model of the operation "
        "asks for; nothing was decided.",
        "InvalidGrantTokenException": "The grant token is none that KMS handed out.",
        "UnrecognizedClientException": "The caller was deleted since its client was made.",
        "ExpiredTokenException": "The session is over: assume the role again.",
        "InvalidAccessKeyId": "The caller was deleted since its client was made.",
        "ExpiredToken": "The session is over: assume the role again.",
        "NoSuchBucket": "No account of the lab has a bucket of this name.",
        "NoSuchKey": "There is no such object, or its newest version is a delete marker; see "
        "list_object_versions.",
        "404": "There is no such bucket or object. An answer to HEAD has no message.",
        "403": "The caller may not, or may not know whether it exists. An answer to HEAD has no "
        "message: the same request with GET says more.",
        "InternalError": "What lies on the disk was changed, or can't be read.",
        "PreconditionFailed": "The object is another one than the condition names: see its ETag.",
        "InvalidArgument": "These headers don't go together, or one has a value that S3 doesn't "
        "take; nothing was decided.",
        "MalformedPolicy": "S3 refused to save the policy; the message says where it is wrong.",
    }
)


class Advice:
    """An error that no policy made, in AWS's words, and what to do about it."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        self.advice = ADVICE.get(
            code.removeprefix("KMS."),  # KMS's own, as S3 passes it on
            "No policy decided this; the message says all that is known.",
        )

    def _lines(self) -> list[str]:
        return [line for line in (self.message, self.advice) if line]

    def __repr__(self) -> str:
        return "\n".join([self.code, *self._lines()])

    def _repr_html_(self) -> str:
        return page.as_html(self.code, self._lines(), (), [], [])
