"""The words by which wishes for an answer are told apart. Data only."""

import re

__all__ = [
    "ALONE", "ASIDE", "ASKS_UNIT", "CITATIONS", "COUNTED", "EXACTLY", "HEADINGS", "INSTEAD", "IN_PARTS", "IN_TONGUE",
    "LEAST", "LITERAL", "MATERIAL", "MODIFIERS", "MOST", "NEGATED", "NUMBERS", "ORDER", "OR_LESS", "PARTS", "QUOTED",
    "SEVERAL", "STRICT", "TONGUE", "TONGUE_ALONE",
]  # fmt: skip

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
N = rf"(\d{{1,4}}|{'|'.join(NUMBERS)})"
WHAT = r" (words?|sentences?|characters?|bullet points?|bullets?)\b(?! (?:per|an?|each|every|long|of|in)\b)"
MOST = re.compile(
    rf"\b(at most|no more than|not more than|max(?:imum)?(?: of)?|up to|under|fewer than|less than|within|below)"
    rf" {N}{WHAT}"
)
OR_LESS = re.compile(rf"\b{N}{WHAT} (?:or (?:fewer|less)|at most|max(?:imum)?)\b")
LEAST = re.compile(rf"\b(?:at least|no fewer than|no less than|minimum(?: of)?) {N}{WHAT}")
EXACTLY = re.compile(rf"\b(?:exactly|precisely) {N}{WHAT}")
IN_PARTS = re.compile(
    rf"\b(?:in|into|as|with|using|give|write|list|me) (?:just |only )?{N} (?:short |concise |brief |clear )?"
    r"(sentences?|bullet points?|bullets)\b(?! (?:per|an?|each|every|long|of|in)\b)"
)
STRICT = frozenset({"under", "fewer than", "less than", "below"})
VERBS = (
    "answer reply respond write summari[sz]e describe explain give list tell keep make limit use draft compose define"
    " compare outline shorten condense create provide generate rewrite paraphrase produce translate include mention"
    " cite state present discuss name suggest recommend format add show review introduce"
).replace(" ", "|")
ORDER = re.compile(
    r"^\W*(?:(?:please|now|then|also|finally|kindly|and|but|first|next|(?:can|could|would|will) you(?: please)?)\W+)*"
    rf"(?:do not |don't |never )?(?:{VERBS})\b"
)
ALONE = re.compile(
    r"^\W*(?:please[ ,]+)?(?:in|with|using|at most|at least|max(?:imum)?|no more than|under|within|exactly|fewer than"
    r"|less than|auf|en|cite) "
)
ASIDE = re.compile(
    r"\b(?:who|that|which|whose|where|when|if|unless|because|said|says|about how|how to|why|called|titled)\b"
)
"""After these it is not the answer that is spoken of."""
SEVERAL = re.compile(
    r"\b(?:and (?:an?|then|the|its|also|give|write|list|add|include|provide|explain|name)|with an?|followed by|each"
    r"|every|titles?|headlines?|captions?|subject|names?)\b"
)
"""With these the answer has parts, and it is not sure which one a length is meant for."""
COUNTED = re.compile(
    rf"\b(?:{N}|some|several|many|a few) (?!(?:word|sentence|character|bullet)s?\b)"
    r"(?:[a-z-]+ ){0,2}(?!(?:words|sentences|characters|bullets)\b)[a-z]{2,}s\b"
)
"""Several things are asked for: a length may be meant for each of them."""
MATERIAL = re.compile(
    r"^\W*(?:(?:please|kindly|now|then|(?:can|could|would|will) you(?: please)?)\W+)*(?:translate|rewrite|paraphrase"
    r"|rephrase|reword|proofread|correct|fix|edit|improve|polish|summari[sz]e|classify|analy[sz]e|shorten|condense)\b"
    r".*:$",
    re.DOTALL,
)
"""The text to be worked on follows."""
NEGATED = re.compile(r"\b(?:not|don't|doesn't|mustn't|never|avoid|without|no)\b(?:(?! (?:and|but) )[^.,;:!?])*$")
INSTEAD = re.compile(r"\b(?:instead of|rather than|alternatives?|synonyms?|replacements?|substitutes?)\b[^.,;:!?]*$")
MODIFIERS = re.compile(
    r"^\W*(?:(?:please|also|and|but|kindly)\W+)*(?:answer|reply|respond|use|keep|make|limit|include|mention|cite|format"
    r"|do not|don't|never|avoid|state|in|with|using|at most|at least|max|no more|under|within|exactly|auf|en|bitte)\b"
)
"""Orders that say how, not what."""
QUOTED = re.compile(r"\"[^\"]*\"|\u201c[^\u201d]*\u201d|\u00ab[^\u00bb]*\u00bb|`[^`]*`")
TONGUES = {
    "en": "english englisch anglais inglés inglese",
    "de": "german deutsch allemand alemán tedesco",
    "fr": "french französisch français francés francese",
    "es": "spanish spanisch espagnol español spagnolo",
    "it": "italian italienisch italien italiano",
    "ru": "russian",
    "zh": "chinese",
    "ja": "japanese",
    "ko": "korean",
    "ar": "arabic",
    "el": "greek",
    "hi": "hindi",
}
TONGUE = {name: code for code, names in TONGUES.items() for name in names.split()}
_ASKED = "answer|reply|respond|write|summari[sz]e|draft|compose|translate|antwort|schreib|r\u00e9pond|\u00e9cri|escrib"
_ASKED += "|rispond|scriv"
_TOLD = "explain|describe|erkl\u00e4r|expliqu|explic|spieg"
"""What stands between these and a language may be a matter of that language: "explain the dative in German"."""
IN_TONGUE = re.compile(
    r"^\W*(?:(?:please|bitte|now|then|can you|could you)\W+)*"
    rf"(?:(?:{_ASKED})\w*\b.*|(?:{_TOLD})\w*\W+(?:(?:it|this|me|us) ){{0,2}})\b(?:in|into|to|auf|en)"
    rf" ({'|'.join(TONGUE)})\b(?! (?:and|or|class|history|style))"
)
TONGUE_ALONE = re.compile(
    rf"^\W*(?:(?:please|bitte)\W+)?(?:in|auf|en) ({'|'.join(TONGUE)})(?:\W+(?:please|only|bitte))?\W*$"
)
LITERAL = re.compile(
    r"\b(do not use|don't use|do not mention|don't mention|avoid|without using|without|never use|include|mention|use"
    r"|contain|containing|using|with) the (?:exact )?(?:words?|phrases?|terms?) "
    r"((?:\"[^\"]+\"|\u201c[^\u201d]+\u201d)(?:(?:, | and |, and )(?:\"[^\"]+\"|\u201c[^\u201d]+\u201d))*)"
)
PARTS = re.compile(r"(?:^|\band |, |\bplease )(?:also )?(?:includ(?:e|ing)|mention|state) ((?:the|a|an|its|their) .+)$")
HEADINGS = re.compile(r"\b(?:with|use|using|add|include) (?:clear |short |section |sub)*headings\b")
CITATIONS = re.compile(
    r"\b(?:cite|citing|provide|list|include|give|add|with) (?:(?:your|the|all|at least|two|three|relevant|reliable) )*"
    r"(?:sources|references|citations)\b(?! (?:of|to)\b)"
)
ASKS_UNIT = re.compile(r"\b(?:how|what|convert|express|give|answer|calculate|compute|find|state)\b")
