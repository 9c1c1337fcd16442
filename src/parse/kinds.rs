//! The grammar's node kinds and fields as numbers, resolved once: the hot paths compare no strings.

use std::sync::OnceLock;

use tree_sitter::Language;

/// tree-sitter's id of an ERROR node.
const ERROR_ID: u16 = u16::MAX;

macro_rules! kinds {
    (named { $($named:ident = $named_text:literal,)* } tokens { $($token:ident = $token_text:literal,)* }) => {
        /// A node kind that lowering tells apart.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum K {
            $($named,)*
            $($token,)*
            Error,
            /// Every other named node.
            OtherNamed,
            /// Every other token.
            OtherToken,
        }

        fn kind_of(name: &str, named: bool) -> K {
            match (name, named) {
                $(($named_text, true) => K::$named,)*
                $(($token_text, false) => K::$token,)*
                (_, true) => K::OtherNamed,
                (_, false) => K::OtherToken,
            }
        }
    };
}

kinds! {
    named {
        AliasedImport = "aliased_import",
        ArgumentList = "argument_list",
        AsPattern = "as_pattern",
        AsPatternTarget = "as_pattern_target",
        AssertStatement = "assert_statement",
        Assignment = "assignment",
        Attribute = "attribute",
        AugmentedAssignment = "augmented_assignment",
        Await = "await",
        BinaryOperator = "binary_operator",
        Block = "block",
        BooleanOperator = "boolean_operator",
        BreakStatement = "break_statement",
        Call = "call",
        CaseClause = "case_clause",
        CasePattern = "case_pattern",
        Chevron = "chevron",
        ClassDefinition = "class_definition",
        ClassPattern = "class_pattern",
        Comment = "comment",
        ComparisonOperator = "comparison_operator",
        ComplexPattern = "complex_pattern",
        ConcatenatedString = "concatenated_string",
        ConditionalExpression = "conditional_expression",
        ConstrainedType = "constrained_type",
        ContinueStatement = "continue_statement",
        DecoratedDefinition = "decorated_definition",
        Decorator = "decorator",
        DefaultParameter = "default_parameter",
        DeleteStatement = "delete_statement",
        DictPattern = "dict_pattern",
        Dictionary = "dictionary",
        DictionaryComprehension = "dictionary_comprehension",
        DictionarySplat = "dictionary_splat",
        DictionarySplatPattern = "dictionary_splat_pattern",
        DottedName = "dotted_name",
        ElifClause = "elif_clause",
        Ellipsis = "ellipsis",
        ElseClause = "else_clause",
        ExceptClause = "except_clause",
        ExecStatement = "exec_statement",
        ExpressionList = "expression_list",
        ExpressionStatement = "expression_statement",
        False = "false",
        FinallyClause = "finally_clause",
        Float = "float",
        ForInClause = "for_in_clause",
        ForStatement = "for_statement",
        FormatExpression = "format_expression",
        FormatSpecifier = "format_specifier",
        FunctionDefinition = "function_definition",
        FutureImportStatement = "future_import_statement",
        GeneratorExpression = "generator_expression",
        GenericType = "generic_type",
        GlobalStatement = "global_statement",
        Identifier = "identifier",
        IfClause = "if_clause",
        IfStatement = "if_statement",
        ImportFromStatement = "import_from_statement",
        ImportPrefix = "import_prefix",
        ImportStatement = "import_statement",
        Integer = "integer",
        Interpolation = "interpolation",
        KeywordArgument = "keyword_argument",
        KeywordPattern = "keyword_pattern",
        KeywordSeparator = "keyword_separator",
        Lambda = "lambda",
        LambdaParameters = "lambda_parameters",
        List = "list",
        ListComprehension = "list_comprehension",
        ListPattern = "list_pattern",
        ListSplat = "list_splat",
        ListSplatPattern = "list_splat_pattern",
        MatchStatement = "match_statement",
        MemberType = "member_type",
        NamedExpression = "named_expression",
        None = "none",
        NonlocalStatement = "nonlocal_statement",
        NotOperator = "not_operator",
        Pair = "pair",
        Parameters = "parameters",
        ParenthesizedExpression = "parenthesized_expression",
        PassStatement = "pass_statement",
        PatternList = "pattern_list",
        PositionalSeparator = "positional_separator",
        PrintStatement = "print_statement",
        RaiseStatement = "raise_statement",
        RelativeImport = "relative_import",
        ReturnStatement = "return_statement",
        Set = "set",
        SetComprehension = "set_comprehension",
        Slice = "slice",
        SplatPattern = "splat_pattern",
        SplatType = "splat_type",
        String = "string",
        StringEnd = "string_end",
        StringStart = "string_start",
        Subscript = "subscript",
        True = "true",
        TryStatement = "try_statement",
        Tuple = "tuple",
        TuplePattern = "tuple_pattern",
        Type = "type",
        TypeAliasStatement = "type_alias_statement",
        TypeParameter = "type_parameter",
        TypedDefaultParameter = "typed_default_parameter",
        TypedParameter = "typed_parameter",
        UnaryOperator = "unary_operator",
        UnionPattern = "union_pattern",
        UnionType = "union_type",
        WhileStatement = "while_statement",
        WildcardImport = "wildcard_import",
        WithClause = "with_clause",
        WithItem = "with_item",
        WithStatement = "with_statement",
        Yield = "yield",
    }
    tokens {
        Colon = ":",
        Comma = ",",
        Equals = "=",
        Future = "__future__",
        StarStar = "**",
        Underscore = "_",
        Minus = "-",
    }
}

impl K {
    /// Whether other statements may stand in the node.
    pub(super) fn has_blocks(self) -> bool {
        matches!(
            self,
            K::Block
                | K::CaseClause
                | K::ClassDefinition
                | K::DecoratedDefinition
                | K::ElifClause
                | K::ElseClause
                | K::ExceptClause
                | K::FinallyClause
                | K::ForStatement
                | K::FunctionDefinition
                | K::IfStatement
                | K::MatchStatement
                | K::TryStatement
                | K::WhileStatement
                | K::WithStatement
        )
    }

    /// Whether the node is a statement.
    pub(super) fn is_statement(self) -> bool {
        matches!(
            self,
            K::ImportStatement
                | K::ImportFromStatement
                | K::FutureImportStatement
                | K::PrintStatement
                | K::AssertStatement
                | K::ExpressionStatement
                | K::ReturnStatement
                | K::DeleteStatement
                | K::RaiseStatement
                | K::PassStatement
                | K::BreakStatement
                | K::ContinueStatement
                | K::GlobalStatement
                | K::NonlocalStatement
                | K::ExecStatement
                | K::TypeAliasStatement
                | K::IfStatement
                | K::ForStatement
                | K::WhileStatement
                | K::TryStatement
                | K::WithStatement
                | K::FunctionDefinition
                | K::ClassDefinition
                | K::DecoratedDefinition
                | K::MatchStatement
        )
    }

    /// Whether the node can stand where an expression can.
    pub(super) fn is_expression(self) -> bool {
        matches!(
            self,
            K::AsPattern
                | K::Assignment
                | K::AugmentedAssignment
                | K::Attribute
                | K::Await
                | K::BinaryOperator
                | K::BooleanOperator
                | K::Call
                | K::ComparisonOperator
                | K::ConcatenatedString
                | K::ConditionalExpression
                | K::Dictionary
                | K::DictionaryComprehension
                | K::DictionarySplat
                | K::DictionarySplatPattern
                | K::DottedName
                | K::Ellipsis
                | K::ExpressionList
                | K::False
                | K::Float
                | K::GeneratorExpression
                | K::GenericType
                | K::Identifier
                | K::Integer
                | K::Lambda
                | K::List
                | K::ListComprehension
                | K::ListPattern
                | K::ListSplat
                | K::ListSplatPattern
                | K::MemberType
                | K::NamedExpression
                | K::None
                | K::NotOperator
                | K::ParenthesizedExpression
                | K::PatternList
                | K::Set
                | K::SetComprehension
                | K::Slice
                | K::SplatType
                | K::String
                | K::Subscript
                | K::True
                | K::Tuple
                | K::TuplePattern
                | K::Type
                | K::UnaryOperator
                | K::UnionType
                | K::ConstrainedType
                | K::Yield
        )
    }
}

/// The fields of the grammar; the id of one that a grammar does not have matches nothing.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names are the grammar's")]
pub(super) struct Fields {
    pub alias: u16,
    pub condition: u16,
    pub function: u16,
    pub key: u16,
    pub left: u16,
    pub module_name: u16,
    pub name: u16,
    pub object: u16,
    pub operator: u16,
    pub operators: u16,
    pub right: u16,
    pub type_: u16,
    pub value: u16,
}

/// The grammar with its numbers.
#[derive(Debug)]
pub(super) struct Grammar {
    pub(super) language: Language,
    kinds: Vec<K>,
    pub(super) fields: Fields,
}

impl Grammar {
    /// The one grammar of this program.
    pub(super) fn get() -> &'static Grammar {
        static GRAMMAR: OnceLock<Grammar> = OnceLock::new();
        GRAMMAR.get_or_init(|| {
            let language = Language::new(tree_sitter_python::LANGUAGE);
            let count = u16::try_from(language.node_kind_count()).unwrap_or(u16::MAX);
            let kinds = (0..count)
                .map(|id| kind_of(language.node_kind_for_id(id).unwrap_or(""), language.node_kind_is_named(id)))
                .collect();
            let field = |name: &str| language.field_id_for_name(name).map_or(u16::MAX, std::num::NonZeroU16::get);
            let fields = Fields {
                alias: field("alias"),
                condition: field("condition"),
                function: field("function"),
                key: field("key"),
                left: field("left"),
                module_name: field("module_name"),
                name: field("name"),
                object: field("object"),
                operator: field("operator"),
                operators: field("operators"),
                right: field("right"),
                type_: field("type"),
                value: field("value"),
            };
            Grammar { language, kinds, fields }
        })
    }

    /// The kind of a node's id.
    pub(super) fn kind(&self, id: u16) -> K {
        if id == ERROR_ID { K::Error } else { self.kinds.get(usize::from(id)).copied().unwrap_or(K::OtherNamed) }
    }
}
