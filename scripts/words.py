#!/usr/bin/env python3
"""Adds words to the three catalogues of the console, or takes some out; each stays sorted, one key a line.

  scripts/words.py set < words.json      {"key": {"en": "…", "nl": "…", "pt-BR": "…"}, …}; a text that depends on a number is
                                         {"one": "…", "other": "…"} with {n} in it
  scripts/words.py remove KEY…
"""
import json
import pathlib
import sys

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "Sources/ConsoleFiles/Words"
LANGUAGES = ["en", "nl", "pt-BR"]


def read(language):
    path = FOLDER / f"{language}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def write(language, words):
    lines = [f"  {json.dumps(key, ensure_ascii=False)}: {json.dumps(words[key], ensure_ascii=False)}" for key in sorted(words)]
    (FOLDER / f"{language}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main(arguments):
    if arguments[:1] not in (["set"], ["remove"]):
        sys.exit(__doc__)
    catalogues = {language: read(language) for language in LANGUAGES}
    if arguments[0] == "remove":
        for key in arguments[1:]:
            for words in catalogues.values():
                words.pop(key, None)
    else:
        for key, texts in json.load(sys.stdin).items():
            if sorted(texts) != sorted(LANGUAGES):
                sys.exit(f"{key} needs exactly {', '.join(LANGUAGES)}")
            for language, text in texts.items():
                catalogues[language][key] = text
    for language, words in catalogues.items():
        write(language, words)


main(sys.argv[1:])
