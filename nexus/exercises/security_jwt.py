"""Checks of security/jwt."""

import base64
import hashlib
import hmac
import itertools
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
    for header in (b'{"alg":"none"}', b'{"alg":"RS256"}', b'{"alg":"hs256"}'):
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
SHARED = b"k" * 64
"""A key that no library takes for a public one, so that only the caller's list can refuse it."""


def _issued(without: str = "", **changes: Any) -> str:
    import jwt

    claims = {name: value for name, value in (FIT | changes).items() if name != without}
    # The layer below jwt.encode, which would refuse some of the claims that are wanted here.
    return jwt.PyJWS().encode(json.dumps(claims).encode(), _issuer()[0], algorithm="RS256")


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
        "no exp": (_issued("exp"), f"exp is checked, {absent}"),
        "no aud": (_issued("aud"), f"aud is checked, {absent}"),
        "no sub": (_issued("sub"), f"nothing is known about sub: {absent}"),
        "sub null": (_issued(sub=None), "the claim is there, and names nobody"),
        "sub 42": (_issued(sub=42), "a user id in a token is a text"),
        "sub a list": (_issued(sub=["user-42"]), "which of them is the user?"),
        "sub empty": (_issued(sub=""), "a text, and who is it?"),
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
    for name in ("HS512", "HS256"):
        header = json.dumps({"alg": name}).encode()
        token = _sign(header, json.dumps(FIT).encode(), SHARED, name)
        if not _refuses(answer, token, SHARED, "api", NOW):
            raise Hint(f"with a key that is a shared secret, {name} got in: "
                       "RS256 was asked for, and which names did you allow?")  # fmt: skip
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


UNLIKE = 8
"""So many characters at least in which two tokens differ, or one can be guessed from the other."""
LONG = 2_000
"""So many refreshes are one long login."""


@exercise("security/jwt/refresh")
def refresh(answer: Any) -> str:
    """A class with `login()` and `refresh(token)`; a spent token ends its family, and only that."""
    login, refresh = _service(answer)
    laptop, phone = login(), login()
    if laptop == phone:
        raise Hint("two logins got the same token")
    for one, other in ((laptop, phone), (laptop, _service(answer)[0]())):
        if sum(a != b for a, b in itertools.zip_longest(one, other)) < UNLIKE:
            raise Hint(f"{one!r:.30} and {other!r:.30} are two logins: "
                       "who has seen one token must not guess another")  # fmt: skip
    try:
        unknown = refresh("never issued")
    except Hint as hint:
        raise Hint(f"a token that was never issued is refused with None; {hint}") from None
    if unknown is not None:
        raise Hint("a token that was never issued was accepted")
    second = refresh(laptop)
    if second is None or second == laptop:
        raise Hint("refresh(token) must return a new token for a live one")
    if sum(a != b for a, b in itertools.zip_longest(laptop, second)) < UNLIKE:
        raise Hint(f"after {laptop!r:.30} came {second!r:.30}: the thief of a spent token "
                   "would guess its heir")  # fmt: skip
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
                   "goes on. You cannot tell who was first: end both")  # fmt: skip
    if kept:
        raise Hint(f"the thief holds on in {kept} orders of 20: how far back do you remember?")

    login, refresh = _service(answer)
    first = token = login()
    for _ in range(LONG):
        token = refresh(token) or ""
    if not token:
        raise Hint(f"a login that nobody stole ended within {LONG:,} refreshes")
    refresh(first)
    if refresh(token) is not None:
        raise Hint(f"a token spent {LONG:,} refreshes ago came back, and its family goes on: "
                   "that memory is too short")  # fmt: skip
    return "the thief keeps nothing in any of 20 orders, and other logins are left alone"


def _texts(jti: str, exp: int) -> list[str]:
    """One token in the texts that decode to the same bytes: spare bits, and padding."""
    payload = json.dumps({"sub": "user-42", "jti": jti, "exp": exp}).encode()
    token = _sign(b'{"alg":"HS256"}', payload, b"a key of this check, thirty-two b")
    letters = string.ascii_letters + string.digits + "-_"

    def raw(text: str) -> bytes:
        return base64.urlsafe_b64decode(text.rpartition(".")[2] + "=")

    return [token[:-1] + c for c in letters if raw(token[:-1] + c) == raw(token)]


class _Deny:
    """A fresh instance of the reader's class, with plain results."""

    def __init__(self, answer: Any) -> None:
        if not isinstance(answer, type):
            raise Hint("a class is asked for: hand check the class itself")
        self.thing = call(answer)
        self.put, self.ask = _method(self.thing, "revoke"), _method(self.thing, "allows")

    def revoke(self, token: str, now: int) -> None:
        call(self.put, token, now)

    def allows(self, token: str, now: int) -> bool:
        said = plain(call(self.ask, token, now))
        if not isinstance(said, bool):
            raise Hint(f"allows() must return True or False; it returned {said!r:.40}")
        return said

    def kept(self) -> int:
        store = plain(call(getattr, self.thing, "store", None))
        if not isinstance(store, dict | list | set | frozenset | tuple):
            raise Hint("keep what is revoked in an attribute `store`, so that it can be counted")
        return len(store)


def _remembers(answer: Any) -> None:
    """What was revoked is refused until its own exp, and nothing else is."""
    brief, late, other = (_texts(n, NOW + s) for n, s in (("a", 60), ("b", 9_000), ("c", 9_000)))
    deny = _Deny(answer)
    if not deny.allows(other[0], NOW):
        raise Hint("nothing was revoked, and a token is refused")
    for token in (brief[0], late[0]):
        deny.revoke(token, NOW)
    if deny.allows(brief[0], NOW + 1):
        raise Hint("a revoked token is still allowed")
    if not deny.allows(other[0], NOW):
        raise Hint("a token that nobody revoked is refused; it has its exp in common with "
                   "one that was: what names a token?")  # fmt: skip
    if any(deny.allows(text, NOW + 1) for text in brief):
        raise Hint("the same token with another last letter got in: two texts, one token")
    if any(deny.allows(text + "=", NOW + 1) for text in brief):
        raise Hint("the same token with its padding got in: two texts again, and verifiers "
                   "take them")  # fmt: skip
    deny.allows(other[0], NOW + 61)
    if deny.allows(late[0], NOW + 8_999):
        raise Hint("a revoked token is allowed again before its own exp")


def _forgets(answer: Any) -> None:
    """An entry goes at exp, by either method, whatever else is remembered."""
    brief, late, other = (_texts(n, NOW + s)[0] for n, s in (("a", 60), ("b", 900), ("c", 900)))
    deny = _Deny(answer)
    deny.revoke(brief, NOW)
    if deny.kept() != 1:
        raise Hint(f"one token is revoked and the store holds {deny.kept()}: one entry for each")
    deny.allows(other, NOW + 61)
    if left := deny.kept():
        raise Hint(f"the only revoked token has expired and the store still holds {left}: "
                   "it grows for ever")  # fmt: skip
    deny = _Deny(answer)
    deny.revoke(brief, NOW)
    deny.revoke(late, NOW)
    deny.allows(other, NOW + 61)
    if (left := deny.kept()) != 1:
        raise Hint(f"of two revoked tokens one has expired and the store holds {left}: "
                   "each entry goes at its own exp")  # fmt: skip
    deny.allows(other, NOW + 900)
    if deny.kept():
        raise Hint("at the second of exp a token is dead, and its entry is still there")
    deny = _Deny(answer)
    deny.revoke(brief, NOW)
    deny.revoke(late, NOW + 61)
    if (left := deny.kept()) != 1:
        raise Hint(f"revoke() came after the end of an older entry and the store holds {left}: "
                   "either method clears it away")  # fmt: skip


@exercise("security/jwt/revoke")
def revoke(answer: Any) -> str:
    """A class with `revoke(token, now)`, `allows(token, now)` and a `store` that forgets at exp."""
    _remembers(answer)
    _forgets(answer)
    return "refused in every spelling until exp, and forgotten then"
