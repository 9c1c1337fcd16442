//! The largest value that a condition allows a column.

use super::lex::{self, Kind, Token};

/// What a condition says of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// It does not name the column.
    NotNamed,
    /// It names the column, and its meaning is not a plain comparison.
    Unknown,
    /// It names the column and puts no upper bound on its values.
    None,
    /// It allows values up to this one.
    AtMost(i128),
}

/// Reads the upper bound that a condition, such as that of a CHECK constraint, puts on a column: comparisons with
/// numbers, `BETWEEN` and `IN`, joined by AND.
#[must_use]
pub fn upper_bound(condition: &str, column: &str) -> Bound {
    let tokens = lex::lex(condition, false);
    let is_column =
        |token: &Token<'_>| matches!(token.kind, Kind::Word | Kind::Quoted) && token.text.eq_ignore_ascii_case(column);
    if !tokens.iter().any(is_column) {
        return Bound::NotNamed;
    }
    let plain = |token: &&Token<'_>| !token.sign("(") && !token.sign(")");
    let tokens: Vec<&Token<'_>> = tokens.iter().filter(plain).collect();
    if tokens.iter().any(|token| token.is_any(&["OR", "XOR", "NOT", "CASE", "IF"]) || token.sign("||")) {
        return Bound::Unknown;
    }
    let number = |at: usize| tokens.get(at).filter(|token| token.kind == Kind::Number)?.text.parse::<i128>().ok();
    let sign =
        |at: usize, signs: &[&str]| tokens.get(at).is_some_and(|token| signs.iter().any(|sign| token.sign(sign)));
    let (mut bound, mut understood) = (None::<i128>, true);
    let mut limit = |value: i128| bound = Some(bound.map_or(value, |known| known.min(value)));
    for (at, _) in tokens.iter().enumerate().filter(|(_, token)| is_column(token)) {
        let after = at + 1;
        let is = |words: &[&str]| tokens.get(after).is_some_and(|token| token.is_any(words));
        if let (true, Some(value)) = (sign(after, &["<"]), number(at + 2)) {
            limit(value - 1);
        } else if let (true, Some(value)) = (sign(after, &["<=", "="]), number(at + 2)) {
            limit(value);
        } else if let (true, Some(_), Some(high)) = (is(&["BETWEEN"]), number(at + 2), number(at + 4)) {
            limit(high);
        } else if is(&["IN"]) {
            let values: Vec<i128> = (at + 2..).step_by(2).map_while(number).collect();
            match values.iter().max() {
                Some(high) => limit(*high),
                None => understood = false,
            }
        } else if at >= 2 && sign(at - 1, &[">"]) && number(at - 2).is_some() {
            limit(number(at - 2).unwrap_or_default() - 1);
        } else if at >= 2 && sign(at - 1, &[">="]) && number(at - 2).is_some() {
            limit(number(at - 2).unwrap_or_default());
        } else if !(sign(after, &[">", ">=", "<>", "!="]) && number(at + 2).is_some()) {
            understood = false;
        }
    }
    match (bound, understood) {
        (Some(value), _) => Bound::AtMost(value),
        (None, true) => Bound::None,
        (None, false) => Bound::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_from_comparisons() {
        for (condition, bound) in [
            ("(`id` < 2147483647)", Bound::AtMost(2_147_483_646)),
            ("`id` <= 10 and `id` >= 0", Bound::AtMost(10)),
            ("1000 > `id`", Bound::AtMost(999)),
            ("`id` between 1 and 99", Bound::AtMost(99)),
            ("`id` in (1,2,30)", Bound::AtMost(30)),
            ("`id` >= 0", Bound::None),
            ("length(`code`) < 5", Bound::NotNamed),
            ("`id` % 2 = 0", Bound::Unknown),
            ("`id` < 5 or `code` = 'x'", Bound::Unknown),
            ("'id' = `code`", Bound::NotNamed),
        ] {
            assert_eq!(upper_bound(condition, "id"), bound, "{condition}");
        }
    }
}
