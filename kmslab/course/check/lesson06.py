"""Checks of lesson 06, Envelope encryption."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kmslab import envelope
from kmslab.course.check.exercise import NotYet, exercise, need, need_bytes, opened
from kmslab.errors import EnvelopeError
from kmslab.lab import Lab


@exercise(
    "set answer to what the surgery has to store to open the same encrypted file.",
    "how long is what must be stored twice? Not the X-ray.",
    "re_encrypt the header's encrypted_data_key to the surgery's KMS key.",
)
def ex1(lab: Lab, sealed: str | Path, surgery: str, answer: object) -> str:
    """A second encrypted data key for one file."""
    kms, blob = lab.client("kms"), need_bytes(answer, "an encrypted data key")
    need(len(blob) < 6_144, f"{len(blob):,} bytes are more than a data key needs")
    header = envelope.read_header(sealed)
    first = opened(kms, header.encrypted_data_key, header.context)
    wrapping = kms.describe_key(KeyId=surgery)["KeyMetadata"]["Arn"]
    second = opened(kms, blob, header.context, wrapping)
    need(second == first, "it opens, but this data key does not open the X-ray")
    return f"{len(blob)} bytes for the second department, and the X-ray is stored once"


@exercise(
    "write a file without its last frame at `cut`, then set answer to cut.",
    "a frame is 512 KiB of ciphertext and a tag of 16 bytes; the last one is shorter.",
    "the header's length is len(read_header(sealed).pack()).",
)
def ex2(lab: Lab, sealed: str | Path, answer: object) -> str:
    """A file cut off exactly between two frames, which decryption must notice."""
    need(isinstance(answer, str | Path), "a path is due here")
    need(Path(str(answer)).is_file(), f"there is no file at {Path(str(answer)).name} yet")
    whole, cut = Path(sealed).read_bytes(), Path(str(answer)).read_bytes()
    need(len(cut) < len(whole), "this file is not shorter than the encrypted X-ray")
    need(whole.startswith(cut), "this file is more than cut off: its bytes are others")
    header = envelope.read_header(sealed)
    frames = len(cut) - len(header.pack())
    frame = header.frame_bytes + envelope.TAG_BYTES
    need(frames > 0, "nothing of the frames is left")
    need(frames % frame == 0, f"the cut goes through a frame: {frames % frame:,} bytes over")
    try:
        envelope.decrypt_stream(lab.client("kms"), io.BytesIO(cut), io.BytesIO())
    except EnvelopeError:
        return "each frame left is genuine, and still it fails: none of them says it is the last"
    raise NotYet("this file decrypts")


@exercise(
    "write a function of (kms, path, patient) that returns the file's bytes.",
    "decrypt_file believes the header's context unless you say which one you expect.",
    'decrypt_file(kms, path, target, {"patient": patient})',
)
def ex3(lab: Lab, answer: Callable[[Any, Path, str], bytes]) -> str:
    """A function that opens a patient's file, and refuses another patient's in its place."""
    need(callable(answer), f"a function is due here, and this is a {type(answer).__name__}")
    kms = lab.client("kms")
    key = kms.create_key(Description="check of lesson 06")["KeyMetadata"]["KeyId"]
    folder = lab.path / "check"
    folder.mkdir(exist_ok=True)
    for patient in ("17", "23"):
        text = f"the picture of patient {patient}".encode()
        source, target = io.BytesIO(text), (folder / f"{patient}.enc").open("wb")
        with target:
            envelope.encrypt_stream(kms, key, source, target, {"patient": patient})
    right = answer(kms, folder / "17.enc", "17")
    need(right == b"the picture of patient 17", "patient 17's own file is not returned as it was")
    try:
        answer(kms, folder / "23.enc", "17")
    except Exception:
        return "a swapped file is noticed, since the caller says what is due"
    raise NotYet("asked for patient 17, it returned a file that was swapped for patient 23's")
