"""Run by CI in an environment that holds only the wheel: the packages are ours, and `ask` works on the samples."""

import json
import subprocess
import sys
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("domain", "prompts", "retriever", "ingest", "service", "eval", "cli")
dateline = Path(sys.executable).with_name("dateline")
data_dir = sys.argv[1]

owners = packages_distributions()
for package in PACKAGES:
    if owners.get(package) != ["dateline"]:
        sys.exit(f"Package {package!r} belongs to {owners.get(package)}, expected ['dateline']")


def run(*arguments: str) -> str:
    """Return what `dateline` printed; its failure is ours."""
    command = [str(dateline), "--data-dir", data_dir, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


samples = find_spec("samples")  # A folder of data without code: a namespace package.
if samples is None or not samples.submodule_search_locations:
    sys.exit("The samples are not in the wheel")
run("ingest", *samples.submodule_search_locations)
answer = json.loads(run("ask", "--mode", "extractive", "--json", "Which Chinese leaders did President Zardari meet?"))
citation = answer["sentences"][0]["citations"][0]
document = json.loads(run("documents", "show", citation["document_id"], "--json"))
if document["text"][citation["start"] : citation["end"]] != citation["quote"]:
    sys.exit("The quote is not in the document at its place")
from retriever.support_checker import OnnxSupportChecker  # noqa: E402  - after it is known whose package it is

OnnxSupportChecker.load()  # Quotes need none, so that `ask` would not miss it.
from service.api.page import Shown, ask_page  # noqa: E402  - the same

if "/ask.js" not in ask_page(Shown(keys_required=False)):
    sys.exit("The page is not in the wheel")
sys.stdout.write(f"wheel: {citation['quote']}\n")
