"""What a document may ask for, decided before any of it is executed.

Written out, a document of 700 bytes can have a quarter of a million fields: its fragments each
spread the next one twice. So each fragment is measured once, and the time that this takes is
linear in the document.
"""

from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
    get_named_type,
    is_list_type,
)
from graphql.type import GraphQLNamedType, get_nullable_type
from strawberry.extensions import AddValidationRules, MaxTokensLimiter

TOKENS = 1_000  # of a document; the parser stops there
DEPTH = 6
ALIASES = 20
ROWS = 50  # of any list, and what a list counts for whose limit is not written as a number
COST = 3_000  # fields of the answer, at most


class Refused(GraphQLError):
    """Asked for more than is given; the message says how much that is."""


class Measure(NamedTuple):
    """What a selection asks for: levels of nesting, aliases, and fields that an answer may have."""

    depth: int = 0
    aliases: int = 0
    cost: int = 0


class Ruler:
    """Measures the selections of one document."""

    def __init__(self, document: DocumentNode, schema: GraphQLSchema) -> None:
        self.schema = schema
        self.fragments = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self.known: dict[str, Measure] = {}

    def selections(self, node: SelectionSetNode | None, of: GraphQLNamedType | None) -> Measure:
        found = [self.selection(child, of) for child in node.selections] if node else []
        return Measure(
            max((measure.depth for measure in found), default=0),
            sum(measure.aliases for measure in found),
            sum(measure.cost for measure in found),
        )

    def selection(self, node: SelectionNode, of: GraphQLNamedType | None) -> Measure:
        if isinstance(node, FieldNode):
            return self.field(node, of)
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            return self.selections(
                node.selection_set, self.schema.get_type(condition.name.value) if condition else of
            )
        return self.fragment(node.name.value)

    def field(self, node: FieldNode, of: GraphQLNamedType | None) -> Measure:
        aliases = int(node.alias is not None)
        if node.name.value.startswith("__"):  # introspection, which graphql-core limits itself
            return Measure(0, aliases, 1)
        known = getattr(of, "fields", {}).get(node.name.value)
        if known is None:  # another rule says so
            return Measure(0, aliases, 0)
        inner = self.selections(node.selection_set, get_named_type(known.type))
        rows = self.rows(node) if is_list_type(get_nullable_type(known.type)) else 1
        return Measure(inner.depth + 1, inner.aliases + aliases, rows * (inner.cost + 1))

    def rows(self, node: FieldNode) -> int:
        for argument in node.arguments:
            if argument.name.value == "limit" and isinstance(argument.value, IntValueNode):
                return max(int(argument.value.value), 1)
        return ROWS

    def fragment(self, name: str) -> Measure:
        if name not in self.known:
            self.known[name] = Measure()  # what a circle adds; another rule refuses it
            if node := self.fragments.get(name):
                of = self.schema.get_type(node.type_condition.name.value)
                self.known[name] = self.selections(node.selection_set, of)
        return self.known[name]


class WithinLimits(ValidationRule):
    """Refuses a document of which an operation asks for too much."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.ruler = Ruler(context.document, context.schema)

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: object) -> None:
        of = self.context.schema.get_root_type(node.operation)
        measure = self.ruler.selections(node.selection_set, of)
        most = Measure(DEPTH, ALIASES, COST)
        for what, asked, given in zip(Measure._fields, measure, most, strict=True):
            if asked > given:
                said = f"The {what} of this document is {asked}; at most {given} is answered."
                self.report_error(Refused(said, node))


EXTENSIONS = (
    lambda: MaxTokensLimiter(max_token_count=TOKENS),
    lambda: AddValidationRules([WithinLimits]),
)
