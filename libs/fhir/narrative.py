"""Whether a narrative is XHTML that may be shown: formatting only, nothing that acts or loads.

Source: FHIR R4, "Narrative", txt-1 and txt-2.
"""

from xml.parsers import expat

_TEXT = {
    "a",
    "abbr",
    "acronym",
    "b",
    "big",
    "cite",
    "code",
    "del",
    "dfn",
    "em",
    "i",
    "ins",
    "kbd",
    "q",
    "samp",
}
_TEXT |= {"small", "span", "strike", "strong", "sub", "sup", "tt", "u", "var", "br", "img", "map", "area"}
_BLOCKS = {"h1", "h2", "h3", "h4", "h5", "h6", "div", "p", "blockquote", "center", "hr", "pre"}
_LISTS = {"ul", "ol", "li", "dl", "dt", "dd"}
_TABLES = {"table", "caption", "col", "colgroup", "thead", "tbody", "tfoot", "tr", "th", "td"}
_ELEMENTS = frozenset(_TEXT | _BLOCKS | _LISTS | _TABLES)
_SHOWN = frozenset({"img", "hr", "br"})  # content without being text


class _Refused(Exception):
    """Carries what is wrong out of the parser."""


def narrative_problem(div: str) -> str | None:
    """What is wrong with the text of `Narrative.div`; None when it may be shown."""
    if "<!" in div.replace("<!--", ""):
        return "XHTML with a document type, an entity or CDATA"
    reader = _Reader()
    try:
        reader.read(div)
    except _Refused as refused:
        return str(refused)
    except (expat.ExpatError, UnicodeEncodeError):
        return "not well-formed XHTML"
    return None if reader.has_content else "XHTML without any content"


class _Reader:
    def __init__(self) -> None:
        self.has_content = False
        self._depth = 0

    def read(self, div: str) -> None:
        parser = expat.ParserCreate(encoding="utf-8")
        parser.UseForeignDTD(True)  # so that HTML's named entities are passed over, not refused
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.SkippedEntityHandler = self._entity
        parser.Parse(div.encode(), True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._depth == 0 and name != "div":
            raise _Refused("XHTML that is no div")
        if name not in _ELEMENTS:
            raise _Refused("XHTML with an element that is not formatting")
        for attribute, value in attributes.items():
            if attribute.lower().startswith("on") or value.strip().lower().startswith("javascript:"):
                raise _Refused("XHTML with a script")
        self.has_content |= name in _SHOWN
        self._depth += 1

    def _end(self, name: str) -> None:
        self._depth -= 1

    def _text(self, text: str) -> None:
        self.has_content |= not text.isspace()

    def _entity(self, name: str, is_parameter: bool) -> None:
        self.has_content = True
