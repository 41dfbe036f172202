"""Wrong answers to security/jwt, each with a part of the hint that it must get."""

import base64
import hmac
import itertools
import json
import secrets
from collections.abc import Callable
from typing import Any

import jwt


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signed(
    header: bytes, payload: bytes, key: bytes, name: str, encode: Callable[[bytes], str] = b64
) -> str:
    body = f"{encode(header)}.{encode(payload)}"
    return f"{body}.{encode(hmac.digest(key, body.encode(), 'sha' + name[2:]))}"


def named(header: bytes) -> str:
    name = json.loads(header)["alg"]
    if name not in ("HS256", "HS384", "HS512"):
        raise ValueError(name)
    return name


def reserialised(header: bytes, payload: bytes, key: bytes) -> str:
    parts = [json.dumps(json.loads(part)).encode() for part in (header, payload)]
    return signed(*parts, key, named(header))


def padded(header: bytes, payload: bytes, key: bytes) -> str:
    return signed(
        header, payload, key, named(header), lambda data: base64.urlsafe_b64encode(data).decode()
    )


def always_256(header: bytes, payload: bytes, key: bytes) -> str:
    return signed(header, payload, key, "HS256")


def signs_none(header: bytes, payload: bytes, key: bytes) -> str:
    name = json.loads(header)["alg"]
    return signed(header, payload, key, name if name.startswith("HS") else "HS256")


def any_case(header: bytes, payload: bytes, key: bytes) -> str:
    name = json.loads(header)["alg"].upper()
    if name not in ("HS256", "HS384", "HS512"):
        raise ValueError(name)
    return signed(header, payload, key, name)


def payload_only(header: bytes, payload: bytes, key: bytes) -> str:
    signature = hmac.digest(key, payload, "sha" + named(header)[2:])
    return f"{b64(header)}.{b64(payload)}.{b64(signature)}"


def checked(
    claims: dict[str, Any],
    audience: str,
    now: int,
    required: tuple[str, ...] = ("exp", "aud", "sub"),
    skip: str = "",
    subject: Callable[[Any], Any] = lambda sub: isinstance(sub, str) and sub,
) -> dict[str, Any]:
    """A right verifier of claims, less the one that is to be skipped."""
    if any(name not in claims for name in required):
        raise ValueError("a claim is missing")
    if "sub" in required and not subject(claims["sub"]):
        raise ValueError("nobody")
    if skip != "exp" and now >= claims.get("exp", now + 1):
        raise ValueError("expired")
    if skip != "nbf" and now < claims.get("nbf", now):
        raise ValueError("not valid yet")
    aud = claims.get("aud", audience)
    if skip != "aud" and audience not in (aud if isinstance(aud, list) else [aud]):
        raise ValueError("for another")
    return claims


def genuine(token: str, key: bytes, *more: str) -> dict[str, Any]:
    return json.loads(jwt.PyJWS().decode(token, key, algorithms=["RS256", *more]))


def header_listed(token: str, key: bytes, audience: str, now: int) -> dict[str, Any]:
    name = jwt.get_unverified_header(token)["alg"]
    if name.lower() == "none":
        raise ValueError(name)
    return checked(genuine(token, key, name), audience, now)


def both_kinds(token: str, key: bytes, audience: str, now: int) -> dict[str, Any]:
    return checked(genuine(token, key, "HS256"), audience, now)


def taking(subject: Callable[[Any], Any]) -> Callable[..., dict[str, Any]]:
    """A verifier that is right but for what it takes as a `sub`."""
    return lambda token, key, audience, now: checked(
        genuine(token, key), audience, now, subject=subject
    )


def header_chooses(token: str, key: bytes, audience: str, now: int) -> dict[str, Any]:
    header, payload = (json.loads(unb64(part)) for part in token.split(".")[:2])
    if header["alg"].lower() != "none":
        jwt.PyJWS().decode(token, key, algorithms=[header["alg"]])
    return checked(payload, audience, now)


def exp_if_present(token: str, key: bytes, audience: str, now: int) -> dict[str, Any]:
    return checked(genuine(token, key), audience, now, required=("aud", "sub"))


def unsigned(token: str, key: bytes, audience: str, now: int) -> dict[str, Any]:
    return checked(json.loads(unb64(token.split(".")[1])), audience, now)


def early(token: str, key: bytes, audience: str, now: int) -> dict[str, Any]:
    return checked(genuine(token, key), audience, now, skip="nbf")


def late_by_one(token: str, key: bytes, audience: str, now: int) -> dict[str, Any]:
    return checked(genuine(token, key), audience, now - 1)


def for_anyone(token: str, key: bytes, audience: str, now: int) -> dict[str, Any]:
    return checked(genuine(token, key), audience, now, skip="aud")


def substring(token: str, key: bytes, audience: str, now: int) -> dict[str, Any]:
    claims = checked(genuine(token, key), audience, now, skip="aud")
    if audience not in claims["aud"]:
        raise ValueError("for another")
    return claims


def texts_only(token: str, key: bytes, audience: str, now: int) -> dict[str, Any]:
    claims = checked(genuine(token, key), audience, now)
    if claims["aud"] != audience:
        raise ValueError("for another")
    return claims


def quiet(token: str, key: bytes, audience: str, now: int) -> dict[str, Any] | None:
    try:
        return checked(genuine(token, key), audience, now)
    except Exception:
        return None


class Families:
    """A right `Refresh`, to be spoilt by its subclasses."""

    def __init__(self) -> None:
        self.numbers = itertools.count()
        self.family: dict[str, int] = {}
        self.live: dict[int, str] = {}

    def issue(self, family: int) -> str:
        token = self.text(family)
        self.family[token], self.live[family] = family, token
        return token

    def text(self, family: int) -> str:
        return secrets.token_urlsafe(16)

    def login(self) -> str:
        return self.issue(next(self.numbers))

    def refresh(self, token: str) -> str | None:
        family = self.family.get(token)
        if family is None or family not in self.live:
            return None
        if self.live[family] != token:
            return self.reused(family)
        return self.issue(family)

    def reused(self, family: int) -> None:
        del self.live[family]


class RefuseOnly(Families):
    def reused(self, family: int) -> None:
        return None


class KillUser(Families):
    def reused(self, family: int) -> None:
        self.live.clear()


class LockedOut(Families):
    """Spares the families that are there, and starts no new one."""

    dead = False

    def reused(self, family: int) -> None:
        super().reused(family)
        self.dead = True

    def login(self) -> str:
        return secrets.token_urlsafe(16) if self.dead else super().login()


class FewGenerations(Families):
    """Knows the live token of a family and some before it."""

    kept = 1000

    def refresh(self, token: str) -> str | None:
        family = self.family.get(token)
        new = super().refresh(token)
        if new:
            known = [t for t, f in self.family.items() if f == family]
            for old in known[: -self.kept]:
                del self.family[old]
        return new


class OneGeneration(FewGenerations):
    kept = 2


class Counted(Families):
    def text(self, family: int) -> str:
        return f"{family}.{next(self.numbers)}"


class CountedInside(Families):
    """Two logins differ, and the tokens of one of them are numbered."""

    def __init__(self) -> None:
        super().__init__()
        self.start: dict[int, str] = {}

    def text(self, family: int) -> str:
        start = self.start.setdefault(family, secrets.token_urlsafe(16))
        return f"{start}.{next(self.numbers)}"


class Surprised(Families):
    def refresh(self, token: str) -> str | None:
        self.family[token]
        return super().refresh(token)


class NoRotation(Families):
    def refresh(self, token: str) -> str | None:
        return token if token in self.family else None


class Spendable(Families):
    def refresh(self, token: str) -> str | None:
        family = self.family.get(token)
        return None if family is None else self.issue(family)


class Deny:
    """A right `DenyList`, to be spoilt by its subclasses."""

    def __init__(self) -> None:
        self.store: dict[str, int] = {}

    def key(self, token: str) -> str:
        return json.loads(unb64(token.split(".")[1]))["jti"]

    def end(self, token: str, now: int) -> int:
        return json.loads(unb64(token.split(".")[1]))["exp"]

    def forget(self, now: int) -> None:
        self.store = {key: exp for key, exp in self.store.items() if exp > now}

    def revoke(self, token: str, now: int) -> None:
        self.forget(now)
        self.store[self.key(token)] = self.end(token, now)

    def allows(self, token: str, now: int) -> bool:
        self.forget(now)
        return self.key(token) not in self.store


class ByText(Deny):
    def key(self, token: str) -> str:
        return token


class ForEver(Deny):
    def forget(self, now: int) -> None:
        return None


class ByTextLessOne(Deny):
    def key(self, token: str) -> str:
        return token[:-1]


class ByEnd(Deny):
    def key(self, token: str) -> str:
        return str(self.end(token, 0))


class AllAtOnce(Deny):
    def forget(self, now: int) -> None:
        if all(exp <= now for exp in self.store.values()):
            self.store.clear()


class ASecondLate(Deny):
    def forget(self, now: int) -> None:
        super().forget(now - 1)


class OnlyWhenAsked(Deny):
    def revoke(self, token: str, now: int) -> None:
        self.store[self.key(token)] = self.end(token, now)


class EveryText(Deny):
    """Keyed by jti, and keeps the text beside it."""

    def revoke(self, token: str, now: int) -> None:
        super().revoke(token, now)
        self.store[token] = self.end(token, now)


class FiveMinutes(Deny):
    def end(self, token: str, now: int) -> int:
        return now + 300


class Everything(Deny):
    def allows(self, token: str, now: int) -> bool:
        return False


class Nothing(Deny):
    def allows(self, token: str, now: int) -> bool:
        return True


EXERCISES: dict[str, dict[str, tuple[Any, str]]] = {
    "sign": {
        "reserialised": (reserialised, "whose bytes did you sign?"),
        "padded": (padded, "base64url in a JWS has no padding"),
        "always HS256": (always_256, "says HS384"),
        "signs none": (signs_none, "says none must raise"),
        "any case": (any_case, "says hs256 must raise"),
        "payload only": (payload_only, "the signature is not: over what"),
    },
    "verify": {
        "header-chooses": (header_chooses, "who wrote the alg?"),
        "header in the list": (header_listed, "HS512 got in"),
        "both kinds": (both_kinds, "HS256 got in"),
        "any sub": (taking(lambda sub: True), "“sub null” got in"),
        "a sub that is true": (taking(bool), "“sub 42” got in"),
        "a sub with a length": (
            taking(lambda sub: isinstance(sub, str | list) and sub),
            "“sub a list” got in",
        ),
        "a sub of any text": (taking(lambda sub: isinstance(sub, str)), "“sub empty” got in"),
        "exp-if-present": (exp_if_present, "exp is checked, and if it is absent?"),
        "unsigned": (unsigned, "is the signature checked?"),
        "without nbf": (early, "what does nbf say?"),
        "a second late": (late_by_one, "the first second at which it is dead"),
        "for anyone": (for_anyone, "for whom was it made?"),
        "substring": (substring, "is one text in another text enough?"),
        "no list": (texts_only, "aud ['web', 'api'] was refused"),
        "None for no": (quiet, "a caller may overlook it"),
    },
    "refresh": {
        "refuse-only": (RefuseOnly, "You cannot tell who was first: end both"),
        "kill-user": (KillUser, "a family is one login"),
        "locked out": (LockedOut, "a new login must work"),
        "one generation": (OneGeneration, "how far back do you remember?"),
        "a thousand generations": (FewGenerations, "that memory is too short"),
        "counted": (Counted, "must not guess another"),
        "counted inside": (CountedInside, "would guess its heir"),
        "surprised": (Surprised, "is refused with None; your code raised KeyError"),
        "no rotation": (NoRotation, "must return a new token"),
        "spendable twice": (Spendable, "each works once"),
    },
    "revoke": {
        "by-text": (ByText, "two texts, one token"),
        "by-text-less-one": (ByTextLessOne, "the same token with its padding"),
        "by-exp": (ByEnd, "what names a token?"),
        "all at once": (AllAtOnce, "each entry goes at its own exp"),
        "a second late": (ASecondLate, "at the second of exp"),
        "only when asked": (OnlyWhenAsked, "either method clears it away"),
        "every text": (EveryText, "one entry for each"),
        "for-ever": (ForEver, "it grows for ever"),
        "five minutes": (FiveMinutes, "before its own exp"),
        "everything": (Everything, "nothing was revoked, and a token is refused"),
        "nothing": (Nothing, "a revoked token is still allowed"),
    },
}
