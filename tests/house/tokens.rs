//! Rust sources as a flat list of tokens: no comments, nothing that is compiled for tests alone.

use proc_macro2::{Delimiter, LexError, Spacing, TokenStream, TokenTree};

/// A token; a group is its marks and what is between them.
pub enum Token {
    /// A name or keyword.
    Word(String),
    /// A literal as written.
    Literal(String),
    /// A bracket, or one of the few signs that matter here; all others are empty.
    Mark(&'static str),
}

impl Token {
    fn is(&self, mark: &str) -> bool {
        matches!(self, Token::Mark(here) if *here == mark)
    }

    /// Whether a name after it is a type's, not a value's.
    pub fn comes_before_a_type(&self) -> bool {
        matches!(self, Token::Word(word) if ["struct", "impl", "for", "enum"].contains(&word.as_str())) || self.is(">")
    }
}

/// The tokens of a file, and the names of the modules in files of their own that only tests have.
pub fn tokens(text: &str) -> Result<(Vec<Token>, Vec<String>), LexError> {
    let (mut code, mut test_modules) = (Vec::new(), Vec::new());
    flatten(text.parse()?, &mut code, &mut test_modules);
    Ok((code, test_modules))
}

fn flatten(stream: TokenStream, code: &mut Vec<Token>, test_modules: &mut Vec<String>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        match tree {
            TokenTree::Punct(sign) if sign.as_char() == '#' && trees.peek().is_some_and(is_cfg_test) => {
                let item: Vec<TokenTree> = skip_item(&mut trees);
                test_modules.extend(module_in_its_own_file(&item));
            }
            TokenTree::Punct(sign) if sign.as_char() == ':' && sign.spacing() == Spacing::Joint => {
                trees.next();
                code.push(Token::Mark("::"));
            }
            TokenTree::Punct(sign) => code.push(Token::Mark(known_sign(sign.as_char()))),
            TokenTree::Ident(word) => code.push(Token::Word(word.to_string())),
            TokenTree::Literal(literal) => code.push(Token::Literal(literal.to_string())),
            TokenTree::Group(group) => {
                let (open, close) = brackets(group.delimiter());
                code.push(Token::Mark(open));
                flatten(group.stream(), code, test_modules);
                code.push(Token::Mark(close));
            }
        }
    }
}

fn is_cfg_test(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Group(_)) && tree.to_string().replace(' ', "") == "[cfg(test)]"
}

/// Takes all of an item: up to its body or its semicolon.
fn skip_item(trees: &mut impl Iterator<Item = TokenTree>) -> Vec<TokenTree> {
    let mut item = Vec::new();
    for tree in trees {
        let ends = match &tree {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            TokenTree::Punct(sign) => sign.as_char() == ';',
            _ => false,
        };
        item.push(tree);
        if ends {
            break;
        }
    }
    item
}

fn module_in_its_own_file(item: &[TokenTree]) -> Option<String> {
    match item {
        [.., TokenTree::Ident(keyword), TokenTree::Ident(name), TokenTree::Punct(_)] if keyword == "mod" => {
            Some(name.to_string())
        }
        _ => None,
    }
}

fn known_sign(sign: char) -> &'static str {
    match sign {
        '!' => "!",
        ',' => ",",
        '*' => "*",
        '>' => ">",
        _ => "",
    }
}

fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

/// Every path in the code, `a::{b, c::d}` as `a::b` and `a::c::d`.
pub fn paths(code: &[Token]) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            Token::Word(_) => path(rest, "", &mut found),
            _ => after,
        };
    }
    found
}

/// Reads one path (or tree of paths) below `prefix`; what is left after it.
fn path<'c>(mut rest: &'c [Token], prefix: &str, found: &mut Vec<String>) -> &'c [Token] {
    let mut path = prefix.to_owned();
    loop {
        rest = match rest {
            [Token::Word(name), Token::Mark("::"), after @ ..] => {
                path.push_str(name);
                path.push_str("::");
                after
            }
            [Token::Word(name), Token::Word(alias), Token::Word(_), after @ ..] if alias == "as" => {
                found.push(path + name);
                return after;
            }
            [Token::Word(name), after @ ..] => {
                found.push(path + name);
                return after;
            }
            [Token::Mark("{"), inside @ ..] => return tree(inside, &path, found),
            [_, after @ ..] => {
                found.push(path);
                return after;
            }
            [] => return rest,
        };
    }
}

fn tree<'c>(mut rest: &'c [Token], prefix: &str, found: &mut Vec<String>) -> &'c [Token] {
    loop {
        rest = match rest {
            [Token::Mark("}"), after @ ..] => return after,
            [Token::Mark(","), after @ ..] => after,
            [] => return rest,
            _ => path(rest, prefix, found),
        };
    }
}
