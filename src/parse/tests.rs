//! Tests of the whole stage.

use super::*;

fn read(text: &str) -> ParsedFile {
    parse(text.as_bytes(), Want { contexts: false })
}

#[test]
fn smoke() {
    let file = read("x = a.b(c, d=1)['k'].e + 'x' 'y' + f'{z!r:>{w}}q' # c\n");
    assert!(file.gaps.is_empty(), "{:?}", file.gaps);
    assert_eq!(file.module.body.len(), 1);
    assert_eq!(file.comments.len(), 1);
}

#[test]
fn ctx() {
    let file = parse(b"post_save.connect(f, sender=M)\n", Want { contexts: true });
    assert!(file.gaps.is_empty(), "{:?}", file.gaps);
    assert_eq!(file.contexts.len(), 1);
}
