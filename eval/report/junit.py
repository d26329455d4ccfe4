"""A run as JUnit XML: one test case per bound of the suite, so that any CI shows which one broke."""

import re
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from eval.bounds import Check

_NOT_IN_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(checks: Sequence[Check]) -> str:
    """Return one `testsuite`; violated bounds are failures, bounds on systems that did not run are skipped."""
    suite = ET.Element(
        "testsuite",
        name="dateline eval",
        tests=str(len(checks)),
        failures=str(sum(check.status == "violated" for check in checks)),
        errors="0",
        skipped=str(sum(check.status == "not_run" for check in checks)),
    )
    for check in checks:
        case = ET.SubElement(
            suite, "testcase", classname=_clean(f"dateline.eval.{check.data_set}"), name=_clean(check.bound.title)
        )
        message = _clean(check.message)
        match check.status:
            case "violated":
                ET.SubElement(case, "failure", message=message, type="bound").text = message
            case "not_run":
                ET.SubElement(case, "skipped", message=message)
            case "held":
                ET.SubElement(case, "system-out").text = message
    ET.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suite, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
