"""Deterministic AEAD by Tink (its C++ implementation): a JSON request on stdin, a JSON answer on stdout."""

import base64
import json
import sys

import tink
from tink import daead, json_proto_keyset_format, secret_key_access


def main() -> None:
    request = json.load(sys.stdin)
    daead.register()
    handle = json_proto_keyset_format.parse(request["keyset"], secret_key_access.TOKEN)
    primitive = handle.primitive(daead.DeterministicAead)
    associated = base64.b64decode(request["associated"])

    def encrypt(plaintext: str) -> str:
        return to_base64(primitive.encrypt_deterministically(base64.b64decode(plaintext), associated))

    def decrypt(ciphertext: str) -> str | None:
        try:
            return to_base64(primitive.decrypt_deterministically(base64.b64decode(ciphertext), associated))
        except tink.TinkError:
            return None

    json.dump(
        {
            "encrypted": [encrypt(one) for one in request["plaintexts"]],
            "decrypted": [decrypt(one) for one in request["ciphertexts"]],
        },
        sys.stdout,
    )


def to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


main()
