"""The words by which tasks are told apart. Data only: lists that anybody may read and extend."""

__all__ = [
    "ASKS_CHOICE", "DOMAINS", "EXPECTS", "HARD", "MODIFIERS", "OPTION", "REMARKS", "RE_ASK", "TASK_TYPES", "VERBS",
]  # fmt: skip

_OPERAND = r"(?:[-+(]{0,3}\d[\d.,)]*|\{\w+\}|the (?:result|answer|number)|that|it)"
TASK_TYPES: tuple[tuple[str, str], ...] = (
    (
        "code",
        r"\b(code|python|javascript|typescript|rust|sql|regex|bug|stack ?trace|compile|refactor|unit test|api endpoint"
        r"|(?:write|implement|fix|create|define|test|this|following) (?:[\w-]+ ){0,3}function(?! of\b)"
        r"|(?:implement|define|abstract|base|java|(?:write|create) an?) (?:\w+ )?class)\b|```|\bdef \w+\(",
    ),
    (
        "translation",
        r"\btranslat\w+\b|\b(in|into|to) (french|german|spanish|italian|english|chinese|japanese|portuguese|russian)\b",
    ),
    ("summary", r"\b(summar\w+|tl;?dr|shorten|condense|key points)\b"),
    ("extraction", r"\b(extract|find all|pull out|parse)\b"),
    ("planning", r"\b(plan|itinerary|schedule|roadmap|agenda)\b"),
    (
        "logic",
        r"\b(true|false|balanced|nested|brackets?|parenthes\w+|maximum|minimum|max|min|evaluate)\b"
        r"|\b(largest|smallest|list|top value)\b.{0,200}\d+[, ]+\d+|\(\s*\d+\s*[-+*]|[-+*]\s*\(|\[\s*\d"
        r"|\d\s*[-+*]\s*\d+\s*[-+*]\s*\d",
    ),
    (
        "text",
        r"\b(reversed?|backwards?|(in|to|into|with) capitals|capital letters|capitali[sz]e\w*|upper ?case"
        r"|the letters? \w\b|letters of|letters in|how many letters?|(first|last) letters?|number of \w in"
        r"|spell\w*|vowels?|sorted|alphabet\w*|from a to z)\b",
    ),
    ("writing", r"\b(write|draft|compose|essay|story|poem|blog|email|letter to|article|slogan)\b"),
    (
        "maths",
        r"\b(percent\w*|equation|integral|derivative|solve|calculate|compute)\b|\d\s*[-+*/x]\s*\d"
        rf"|\b(difference (of|between)|times) {_OPERAND}"
        r"|^(?=.*\d).*\b(add|sum|plus|minus|subtract\w*|multipl\w+|divid\w+|product|bigger|larger|greater|smaller"
        r"|exceeds?|away from|make together)\b",
    ),
)
DOMAINS: tuple[tuple[str, str], ...] = (
    ("medicine", r"\b(patient|symptom|diagnos\w+|dose|clinical|disease)\b"),
    ("law", r"\b(contract|clause|liabilit\w+|court|statute|gdpr)\b"),
    ("finance", r"\b(invoice|revenue|budget|stock|interest rate|tax|loan)\b"),
    ("science", r"\b(physics|chemistry|biology|molecule|quantum|theorem)\b"),
    ("software", r"\b(code|python|server|database|docker|api|bug)\b"),
)
EXPECTS: tuple[tuple[str, str], ...] = (
    ("code", r"\b(write|implement|fix|give)\b.{0,200}\b(function|code|script|query|regex|class)\b"),
    (
        "json",
        r"(?:^|[.;?!,:]\s*|\band )(?:please )?(?:only )?(?:(?:return|output|produce|generate)"
        r" (?:only |valid |the |a |an |some )*json"
        r"|(?:answer|reply|respond|return|output|format)\b[^.?!]{0,200}\b(?:as|only|into|in|with|to) (?:valid )?json"
        r"|(?:give|list|extract|convert)\b[^.?!]{0,200}\b(?:(?:as|only|into) json|in json format))\b",
    ),
    (
        "yes_no",
        r"^\W*(is|are|does|do|can|was|were|has|have)\b(?! (you|i|we|they|any\w*|some\w*|a look)\b)(?!.*\bor\b).*\?"
        r"|\b(yes or no|true or false)\b",
    ),
    (
        "number",
        rf"\b(?:add|subtract|multiply|divide) {_OPERAND} (?:and|to|from|by|with) {_OPERAND}"
        rf"|\b(?:sum|difference|product) (?:of|between) {_OPERAND} and {_OPERAND}"
        rf"|(?<!\w){_OPERAND} (?:plus|minus|times|divided by) {_OPERAND}"
        r"|(?:^|\bwhat is |\bhow much is |\b(?:calculate|compute|evaluate) )[ (]{0,3}-?\d[\d. ]*"
        r"(?:[-+*/x]|% of)[ (]{0,3}\d"
        r"|\b(?:count|tally|how many|number of|how often is) (?:the )?(?:letters?\b|vowels\b|\w (?:in|within)\b)",
    ),
    (
        "word",
        r"^(?!.*\b(?:how|why|explain|tell|list|tree|string)\b)"
        r"(?:(?:please )?(?:reverse|spell|capitali[sz]e) (?:the word |the (?:result|answer))?\S*\W*$"
        r"|.*\b(?:(?:backwards|(?:in|to|into) (?:capitals|upper ?case))\W*$|sort the letters|first and last letters?))",
    ),
    ("list", r"\b(list|bullet|enumerate)\b"),
)
OPTION = r"(?:^|\s)\(?([a-e])[).:] (\w*)"
ASKS_CHOICE = r"\?|\b(?:choose|options|choices|select|which of the following)\b|\banswer:? *$"
HARD = r"\b(prove|derive|optimi[sz]e|analy[sz]e|compare|design|explain why|trade-?offs?|step by step|rigorous)\b"
RE_ASK = r"\b(that'?s (wrong|not right)|try again|wrong|again|i (said|asked|meant))\b|^no,"
_VERBS = """
add analyse analyze answer arrange calculate capitalise capitalize check choose classify collect combine compare compile
compose compute condense convert correct count create debug decide define delete derive describe design determine divide
do draft draw edit estimate evaluate explain extract fill find fix format generate get give identify implement improve
infer insert join judge label list look make measure merge multiply name order organise organize outline parse pick plan
polish predict prepare price print proofread propose prove provide put query rank rate read recommend remove rename
repeat replace report rephrase research reverse review revise rewrite say schedule search select send show simplify
solve sort spell split state subtract suggest sum summarise summarize tell test tidy translate trim turn
uppercase use verify work write
"""
VERBS = frozenset(_VERBS.split())
"""Words that begin an order."""
MODIFIERS = frozenset({"answer", "do", "use"})
"""Words that say how another order is to be carried out."""
REMARKS = frozenset({"check", "explain", "format", "give", "make", "say", "show", "state", "tell", "verify"})
"""Words that may do so where nothing but a semicolon or an "also" joins them to it."""
