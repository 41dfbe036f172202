"""Checks of security/jwt."""

import base64
import hashlib
import hmac
import json
import random
import string
from collections.abc import Callable
from functools import cache
from typing import Any

from nexus.exercises import Hint, call, exercise, plain
from nexus.sessions import interleavings

NOW = 1_800_000_000
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
RFC7515_A1 = (
    b'{"typ":"JWT",\r\n "alg":"HS256"}',
    b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}',
    # Printed in the RFC as a JWK; padded here.
    base64.urlsafe_b64decode(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow=="
    ),
)


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _sign(header: bytes, payload: bytes, key: bytes, name: str = "HS256") -> str:
    body = f"{_b64(header)}.{_b64(payload)}"
    return f"{body}.{_b64(hmac.digest(key, body.encode(), HASHES[name]))}"


def _rewritten(part: bytes) -> list[bytes]:
    """The JSON of `part` as json.dumps writes it, loosely and tightly."""
    loaded = json.loads(part)
    return [json.dumps(loaded, separators=s).encode() for s in ((", ", ": "), (",", ":"))]


def _refuses(function: Callable[..., Any], *args: Any) -> bool:
    """Whether the call raises; a value is an answer, whatever it is."""
    try:
        call(function, *args)
    except Hint:
        return True
    return False


@exercise("security/jwt/sign")
def sign(answer: Any) -> str:
    """`answer(header, payload, key)`: the token of these bytes, by the HMAC the header names."""
    cases = [("HS256", *RFC7515_A1)]
    seeded = random.Random(13)
    for name in HASHES:
        header = f'{{ "alg" : "{name}",\n\t"n":{seeded.randrange(99)}}}'.encode()
        payload = f'{{"sub":\t"user-{seeded.randrange(99)}" ,"é":"ü"}}'.encode()
        cases.append((name, header, payload, seeded.randbytes(64)))
    for name, header, payload, key in cases:
        got = plain(call(answer, header, payload, key))
        expected = _sign(header, payload, key, name)
        if got == expected:
            continue
        if not isinstance(got, str):
            raise Hint(f"a token is a str; this is a {type(got).__name__}")
        if "=" in got:
            raise Hint("there is an = in it: base64url in a JWS has no padding")
        again = {
            _sign(h, p, key, name)
            for h in (header, *_rewritten(header))
            for p in (payload, *_rewritten(payload))
        }
        if got in again:
            raise Hint("the JSON is the same and the bytes are not: whose bytes did you sign?")
        if got == _sign(header, payload, key):
            raise Hint(f"this header says {name}, and the token was signed with HS256")
        if got.count(".") != 2:
            raise Hint("a token in the compact form has three parts and two dots")
        if got.rpartition(".")[0] == expected.rpartition(".")[0]:
            raise Hint("header and payload are right, the signature is not: over what, by what?")
        raise Hint("header or payload are not the bytes that were given, as base64url")
    for header in (b'{"alg":"none"}', b'{"alg":"RS256"}'):
        if not _refuses(answer, header, b"{}", b"k" * 64):
            name = json.loads(header)["alg"]
            raise Hint(f"a header that says {name} must raise: this function has no key for it")
    return "equal to RFC 7515 A.1, and to three cases with hashes of other sizes"


@cache
def _issuer() -> tuple[Any, bytes]:
    """A private key for this process and its public PEM."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    spki = PublicFormat.SubjectPublicKeyInfo
    return private, private.public_key().public_bytes(Encoding.PEM, spki)


NONE = (b'{"alg":"none"}', b'{"alg":"nOnE"}')
FIT = {"sub": "user-42", "aud": "api", "iat": NOW - 60, "exp": NOW + 300}


def _issued(**changes: Any) -> str:
    import jwt

    claims = {name: value for name, value in (FIT | changes).items() if value is not None}
    return jwt.encode(claims, _issuer()[0], algorithm="RS256")


@cache
def _bad_tokens() -> dict[str, tuple[str, str]]:
    """Each token to refuse, with the hint for a verifier that lets it in."""
    _, public = _issuer()
    admin = json.dumps(FIT | {"sub": "admin"}).encode()
    head, _, signature = _issued().split(".")
    none, mixed = (f"{_b64(header)}.{_b64(admin)}." for header in NONE)
    who = "who wrote the alg?"
    absent = "and if it is absent?"
    return {
        "payload swapped": (f"{head}.{_b64(admin)}.{signature}", "is the signature checked?"),
        "alg none": (none, who),
        "alg nOnE": (mixed, who),
        "HMAC, public key": (_sign(b'{"alg":"HS256"}', admin, public), who),
        "kid /dev/null": (_sign(b'{"alg":"HS256","kid":"/dev/null"}', admin, b""), who),
        "expired": (_issued(exp=NOW - 60), "what does exp say?"),
        "exp is now": (_issued(exp=NOW), "exp is the first second at which it is dead"),
        "not valid yet": (_issued(nbf=NOW + 60), "what does nbf say?"),
        "other audience": (_issued(aud="billing"), "for whom was it made?"),
        "aud my-api-v2": (_issued(aud="my-api-v2"), "is one text in another text enough?"),
        "no exp": (_issued(exp=None), f"exp is checked, {absent}"),
        "no aud": (_issued(aud=None), f"aud is checked, {absent}"),
        "no sub": (_issued(sub=None), f"nothing is known about sub: {absent}"),
    }


@exercise("security/jwt/verify")
def verify(answer: Any) -> str:
    """`answer(token, key, audience, now)`: the claims of a fit RS256 token; raise on any other."""
    _, public = _issuer()
    for name, (token, hint) in _bad_tokens().items():
        if _refuses(answer, token, public, "api", NOW):
            continue
        if plain(call(answer, token, public, "api", NOW)) is None:
            raise Hint(f"None for the token “{name}”: a caller may overlook it, so raise instead")
        raise Hint(f"the token “{name}” got in: {hint}")
    for changes in ({}, {"aud": ["web", "api"]}, {"nbf": NOW}):
        what = ", ".join(f"{name} {value!r}" for name, value in changes.items()) or "nothing odd"
        try:
            got = plain(call(answer, _issued(**changes), public, "api", NOW))
        except Hint as hint:
            raise Hint(f"the honest token with {what} was refused: {hint}") from None
        if got != FIT | changes:
            raise Hint(f"the honest token with {what} must give its claims, as a dict")
    return "the honest tokens get in, and nothing else does"


def _method(thing: Any, name: str) -> Callable[..., Any]:
    """A method of the reader's object, or a hint that it is missing."""
    found = call(getattr, thing, name, None)
    if not callable(found):
        raise Hint(f"the class needs a method {name}")
    return found


def _service(answer: Any) -> tuple[Callable[[], str], Callable[[Any], str | None]]:
    """`login` and `refresh` of a fresh instance, with plain results."""
    if not isinstance(answer, type):
        raise Hint("a class is asked for: hand check the class itself")
    thing = call(answer)
    login, refresh = _method(thing, "login"), _method(thing, "refresh")

    def logged_in() -> str:
        token = plain(call(login))
        if not isinstance(token, str) or not token:
            raise Hint(f"login() must return a token, a str; it returned {token!r:.40}")
        return token

    def refreshed(token: Any) -> str | None:
        new = plain(call(refresh, token))
        if new is not None and not isinstance(new, str):
            raise Hint(f"refresh() must return a new token or None; it returned {new!r:.40}")
        return new

    return logged_in, refreshed


@exercise("security/jwt/refresh")
def refresh(answer: Any) -> str:
    """A class with `login()` and `refresh(token)`; a spent token ends its family, and only that."""
    login, refresh = _service(answer)
    laptop, phone = login(), login()
    if laptop == phone:
        raise Hint("two logins got the same token")
    if refresh("never issued") is not None:
        raise Hint("a token that was never issued was accepted")
    second = refresh(laptop)
    if second is None or second == laptop:
        raise Hint("refresh(token) must return a new token for a live one")
    if refresh(laptop) is not None:
        raise Hint("a spent token bought another one: rotation means that each works once")
    if refresh(phone) is None:
        raise Hint("the laptop's token was reused and the phone lost its login: "
                   "a family is one login")  # fmt: skip
    again = login()
    if again in (laptop, second) or refresh(again) is None:
        raise Hint("after a family has ended, a new login must work")

    kept = 0
    for order in interleavings({"thief": 3, "owner": 3}):
        login, refresh = _service(answer)
        held = dict.fromkeys(order, login())
        for name in order:
            held[name] = refresh(held[name]) or held[name]
        kept += refresh(held["thief"]) is not None
    if kept == 10:
        raise Hint("the thief holds on in 10 orders of 20: reuse is refused, but the other one "
                   "goes on. Which of the two used the token first?")  # fmt: skip
    if kept:
        raise Hint(f"the thief holds on in {kept} orders of 20: how far back do you remember?")
    return "the thief keeps nothing in any of 20 orders, and other logins are left alone"


def _texts(jti: str, exp: int) -> list[str]:
    """One token in the four texts that decode to the same bytes."""
    payload = json.dumps({"sub": "user-42", "jti": jti, "exp": exp}).encode()
    token = _sign(b'{"alg":"HS256"}', payload, b"a key of this check, thirty-two b")
    letters = string.ascii_letters + string.digits + "-_"

    def raw(text: str) -> bytes:
        return base64.urlsafe_b64decode(text.rpartition(".")[2] + "=")

    return [token[:-1] + c for c in letters if raw(token[:-1] + c) == raw(token)]


@exercise("security/jwt/revoke")
def revoke(answer: Any) -> str:
    """A class with `revoke(token, now)`, `allows(token, now)` and a `store` that forgets at exp."""
    if not isinstance(answer, type):
        raise Hint("a class is asked for: hand check the class itself")
    deny = call(answer)
    put, ask = _method(deny, "revoke"), _method(deny, "allows")

    def allows(token: str, now: int) -> bool:
        said = plain(call(ask, token, now))
        if not isinstance(said, bool):
            raise Hint(f"allows() must return True or False; it returned {said!r:.40}")
        return said

    brief, late, other = (_texts(*t) for t in (("a", NOW + 60), ("b", NOW + 9_000), ("c", NOW + 9)))
    for token in (brief[0], late[0]):
        call(put, token, NOW)
    if not allows(other[0], NOW):
        raise Hint("a token that nobody revoked is refused")
    if allows(brief[0], NOW + 1):
        raise Hint("a revoked token is still allowed")
    if any(allows(text, NOW + 1) for text in brief):
        raise Hint("the same token with another last letter got in: two texts, one token")
    allows(other[0], NOW + 61)
    if allows(late[0], NOW + 8_999):
        raise Hint("a revoked token is allowed again before its own exp")
    allows(other[0], NOW + 9_000)
    left = plain(call(getattr, deny, "store", None))
    if not isinstance(left, dict | list | set | frozenset | tuple):
        raise Hint("keep what is revoked in an attribute `store`, so that it can be counted")
    if left:
        raise Hint(f"every revoked token has expired and the store still holds {len(left)}: "
                   "it grows for ever")  # fmt: skip
    return "refused in every spelling until exp, and forgotten then"
