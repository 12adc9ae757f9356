"""Checks an export of Inlet's audit log: verify_audit.py FILE [--key HEX]. The format stands in docs/audit-log.md."""
import argparse, hashlib, hmac, json, sys


def canonical(value):  # RFC 8785, as far as objects, texts, whole numbers and null go
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def check(lines, key):
    """Where something is wrong and what, or how many entries there are and None."""
    last, organization = "0" * 64, None
    for place, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            if canonical(entry) != line: return place, "is not in canonical form"
            is_end, mac = "entries" in entry, entry.pop("mac")
            hash = entry["hash"] if is_end else entry.pop("hash")
            organization, text = organization or entry["organization"], canonical(entry)
            if entry["organization"] != organization: return place, "is of another organization"
        except (ValueError, KeyError, TypeError, AttributeError):
            return place, "cannot be read"
        digest = hashlib.sha256(text).digest()
        if is_end:
            if (entry["entries"], hash, len(lines)) != (place - 1, last, place): return place, "is missing: the end differs"
        else:
            if entry.get("sequence") != place: return place, f"is not here, but {entry.get('sequence')}"
            if entry.get("previous") != last: return place, "does not follow the one before"
            if digest.hex() != hash: return place, "was altered"
        if key and hmac.new(key, text if is_end else digest, "sha256").hexdigest() != mac: return place, "was forged"
        if is_end: return place - 1, None
        last = hash
    return len(lines) + 1, "is missing: the log does not close"


options = argparse.ArgumentParser(description=__doc__)
options.add_argument("file"), options.add_argument("--key", type=bytes.fromhex, help="64 digits, from GET /audit/key")
given = options.parse_args()
place, wrong = check(open(given.file, "rb").read().removesuffix(b"\n").split(b"\n"), given.key)
print(f"entry {place}: {wrong}" if wrong else f"ok, {place} entries")
sys.exit(bool(wrong))
