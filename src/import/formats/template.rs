//! Templates of a layout: text with columns in braces, and what is taken of a cell.
//!
//! `{Fee|number}` is the number of `0.001BTC`, and `{Fee|unit}` its unit. Parts after a bar apply
//! from left to right.

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TemplatePart {
    /// Text as it is.
    Text(String),
    /// The cell of a column, by its folded name.
    Cell(String, Vec<Filter>),
    /// The cell after this text in a row before the header.
    Before(String),
}

/// A part of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    /// The number of a number with its unit.
    Number,
    /// The unit of a number with its unit.
    Unit,
    /// A number without its sign.
    Abs,
    /// A number with the other sign.
    Turned,
    /// `buy` of a number above zero, `sell` of one below.
    Side,
    /// `in` of a number above zero, `out` of one below.
    Way,
    /// The class of a symbol: `crypto` of a pair with a slash, `security` of a ticker. Nothing of a
    /// known coin that ends with `USD`, which may be either.
    Class,
    /// Nothing: the cell only has to say something.
    Given,
    /// The text after the last place of this text, if it is there.
    After(String),
    /// The text before the first place of this text, if it is there.
    Before(String),
}

/// Returns the parts of a template: `{product}-{trade id}`. Errors: a brace that is not closed, an
/// unknown word after a bar.
pub(super) fn parts(template: &str) -> Result<Vec<TemplatePart>, String> {
    let (mut parts, mut rest) = (Vec::new(), template);
    while let Some((before, behind)) = rest.split_once('{') {
        if !before.is_empty() {
            parts.push(TemplatePart::Text(before.to_owned()));
        }
        let (inner, after) = behind
            .split_once('}')
            .ok_or_else(|| format!("{template:?} has an open brace"))?;
        parts.push(part(inner)?);
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(TemplatePart::Text(rest.to_owned()));
    }
    Ok(parts)
}

fn part(inner: &str) -> Result<TemplatePart, String> {
    if let Some(label) = inner.strip_prefix('^') {
        return Ok(TemplatePart::Before(fold(label)));
    }
    let mut words = inner.split('|');
    let name = fold(words.next().unwrap_or_default());
    let filters: Result<Vec<Filter>, String> = words.map(filter).collect();
    Ok(TemplatePart::Cell(name, filters?))
}

fn filter(word: &str) -> Result<Filter, String> {
    Ok(match word {
        "number" => Filter::Number,
        "unit" => Filter::Unit,
        "abs" => Filter::Abs,
        "turned" => Filter::Turned,
        "side" => Filter::Side,
        "way" => Filter::Way,
        "class" => Filter::Class,
        "given" => Filter::Given,
        _ => {
            let after = word.strip_prefix("after ").map(str::to_owned);
            let before = word.strip_prefix("before ").map(str::to_owned);
            let found = after.map(Filter::After);
            found
                .or(before.map(Filter::Before))
                .ok_or_else(|| format!("{word:?} is no part of a cell"))?
        }
    })
}

/// Returns the name of a column for comparison. Some files have a byte order mark in each cell.
pub(super) fn fold(name: &str) -> String {
    let is_around = |of: char| of.is_whitespace() || of == '\u{feff}';
    let marked = name.trim_matches(is_around);
    let name = match name.contains('\u{feff}') {
        // The mark before a quote makes the quote a part of the text.
        true => marked.trim_matches('"').trim_matches(is_around),
        false => marked,
    };
    name.to_lowercase()
}

/// Tells whether a column has a name. Both are folded; a `*` of the pattern stands for any text.
pub(super) fn is_named(pattern: &str, name: &str) -> bool {
    let Some((before, behind)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let rest = name.strip_prefix(before);
    rest.is_some_and(|rest| match behind.contains('*') {
        false => rest.ends_with(behind),
        true => {
            let mut places = rest.char_indices();
            places.any(|(at, _)| rest.get(at..).is_some_and(|it| is_named(behind, it)))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_text_and_cells() {
        let cell = |name: &str, of: &[Filter]| TemplatePart::Cell(name.into(), of.to_vec());
        let found = parts("{Fee|number|turned}-{^Base}x").unwrap();
        let expected = [
            cell("fee", &[Filter::Number, Filter::Turned]),
            TemplatePart::Text("-".into()),
            TemplatePart::Before("base".into()),
            TemplatePart::Text("x".into()),
        ];
        assert_eq!(found, expected);
        assert!(parts("{Fee|half}").is_err());
        assert!(is_named("time(*)", "time(utc+02:00)"));
        assert!(!is_named("time(*)", "time"));
        assert!(is_named("* amount*", "btc amount btc"));
        assert!(is_named("* amount*", "usd amount ($)"));
        assert!(!is_named("* amount*", "amount btc"));
    }
}
