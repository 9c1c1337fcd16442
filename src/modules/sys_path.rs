//! Which folders a module puts on `sys.path`: a small static evaluator of path expressions.
//!
//! Paths are strings below [`ROOT`], a folder that stands for the scanned root, so that they join, concatenate and
//! format like the strings that they are in Python. What cannot be evaluated is left out: an import root that is
//! missed shows as unresolved imports, one that is made up would resolve them wrongly.

use rustc_hash::FxHashMap;

use crate::ast::{Arguments, BinOp, Expr, ExprKind, Module, Param, ParamKind, Stmt, StmtKind, StrPart, StrPiece};

/// Stands for the scanned root; no real folder has a NUL in its name.
const ROOT: &str = "/\0";

/// How deep expressions, helpers and blocks are followed.
const MAX_DEPTH: u32 = 64;

/// How many statements are run, loops unrolled, and how long a path may grow: settings need a hundredth of it.
const MAX_STEPS: u32 = 50_000;
const MAX_TEXT: usize = 4_096;

/// The folders that the module at `path` puts on `sys.path`, relative to the root, in order.
pub(super) fn sys_path_dirs(module: &Module, path: &str) -> Vec<String> {
    let mut reader = Reader { file: format!("{ROOT}/{path}"), names: FxHashMap::default(), dirs: Vec::new(), steps: 0 };
    reader.block(&module.body, 0);
    reader.dirs
}

/// `package_dir` of the module's `setup(…)` calls: the folders of the packages that the entries name.
pub(super) fn package_dirs(module: &Module, path: &str) -> Vec<String> {
    let mut reader = Reader { file: format!("{ROOT}/{path}"), names: FxHashMap::default(), dirs: Vec::new(), steps: 0 };
    reader.block(&module.body, 0);
    let mut dirs = Vec::new();
    for statement in &module.body {
        let (StmtKind::Expr(value) | StmtKind::Assign { value, .. }) = &statement.kind else { continue };
        let ExprKind::Call { func, args } = &value.kind else { continue };
        if func.as_dotted().and_then(|path| path.last().copied()) != Some("setup") {
            continue;
        }
        let Some(ExprKind::Dict(items)) = args.keyword("package_dir").map(|dict| &dict.kind) else { continue };
        for (key, value) in items {
            let (Some(package), Some(dir)) = (key.as_ref().and_then(Expr::as_str), reader.text(value, 0)) else {
                continue;
            };
            let package = package.replace('.', "/");
            let dir = dir.trim_end_matches('/');
            let base = if package.is_empty() { Some(dir) } else { dir.strip_suffix(package.as_str()) };
            dirs.extend(base.map(|base| base.trim_end_matches('/').to_owned()));
        }
    }
    dirs
}

/// The relative path of an absolute one below the root, `.` and `..` taken out.
fn below_root(path: &str) -> Option<String> {
    // A relative path is relative to the folder that commands are run in, which is the root.
    let path = if path.starts_with('/') { normal(path) } else { normal(&format!("{ROOT}/{path}")) };
    let rest = path.strip_prefix(ROOT)?;
    rest.strip_prefix('/').or(rest.is_empty().then_some("")).map(str::to_owned)
}

fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if path.starts_with('/') => {}
            _ => parts.push(part),
        }
    }
    format!("{}{}", if path.starts_with('/') { "/" } else { "" }, parts.join("/"))
}

fn join(base: &str, next: &str) -> String {
    if next.starts_with('/') || base.is_empty() { next.to_owned() } else { format!("{base}/{next}") }
}

fn parent(path: &str) -> String {
    let path = normal(path);
    match path.rsplit_once('/') {
        Some(("", _)) => "/".to_owned(),
        Some((parent, _)) => parent.to_owned(),
        None => String::new(),
    }
}

#[derive(Clone)]
enum Value<'a> {
    Text(String),
    List(Vec<String>),
    /// `rel = lambda *x: join(ROOT, *x)`, or a function of one `return`.
    Helper(&'a [Param], &'a Expr),
}

struct Reader<'a> {
    file: String,
    names: FxHashMap<&'a str, Value<'a>>,
    dirs: Vec<String>,
    steps: u32,
}

impl<'a> Reader<'a> {
    fn block(&mut self, body: &'a [Stmt], depth: u32) {
        if depth > MAX_DEPTH {
            return;
        }
        for statement in body {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return;
            }
            self.statement(statement, depth);
        }
    }

    fn statement(&mut self, statement: &'a Stmt, depth: u32) {
        match &statement.kind {
            StmtKind::Assign { targets, value } => {
                for target in targets {
                    self.assign(target, value, depth);
                }
            }
            StmtKind::AnnAssign { target, value: Some(value), .. } => self.assign(target, value, depth),
            StmtKind::AugAssign { target, value, .. } if is_sys_path(target) => self.add_all(value),
            StmtKind::Expr(value) => self.call(value),
            StmtKind::FunctionDef(def) => {
                if let Some(StmtKind::Return(Some(value))) = def.body.last().map(|last| &last.kind) {
                    self.names.insert(&def.name.name, Value::Helper(&def.params, value));
                }
                // `def main(): sys.path.append(…)` in manage.py.
                self.block(&def.body, depth + 1);
            }
            StmtKind::If { body, orelse, .. } | StmtKind::While { body, orelse, .. } => {
                self.block(body, depth + 1);
                self.block(orelse, depth + 1);
            }
            StmtKind::For { target, iter, body, orelse } => {
                let items = self.list(iter, 0);
                match (target.as_name(), items) {
                    (Some(name), Some(items)) => {
                        for item in items {
                            self.names.insert(name, Value::Text(item));
                            self.block(body, depth + 1);
                        }
                    }
                    _ => self.block(body, depth + 1),
                }
                self.block(orelse, depth + 1);
            }
            StmtKind::With { body, .. } => self.block(body, depth + 1),
            StmtKind::Try { body, handlers, orelse, finalbody } => {
                self.block(body, depth + 1);
                for handler in handlers {
                    self.block(&handler.body, depth + 1);
                }
                self.block(orelse, depth + 1);
                self.block(finalbody, depth + 1);
            }
            _ => {}
        }
    }

    fn assign(&mut self, target: &'a Expr, value: &'a Expr, depth: u32) {
        if is_sys_path(target) {
            self.add_all(value);
            return;
        }
        // `sys.path[0:0] = [a, b]`
        if let ExprKind::Subscript { value: of, .. } = &target.kind
            && is_sys_path(of)
        {
            self.add_all(value);
            return;
        }
        let Some(name) = target.as_name() else { return };
        let value = if let ExprKind::Lambda { params, body } = &value.kind {
            Some(Value::Helper(params, body))
        } else {
            self.text(value, depth).map(Value::Text).or_else(|| self.list(value, depth).map(Value::List))
        };
        // A name bound to something unknown is unknown from here on.
        match value {
            Some(value) => self.names.insert(name, value),
            None => self.names.remove(name),
        };
    }

    fn call(&mut self, value: &'a Expr) {
        let ExprKind::Call { func, args } = &value.kind else { return };
        let ExprKind::Attribute { value: on, attr } = &func.kind else {
            if func.as_name() == Some("addsitedir") {
                self.add_first(args);
            }
            return;
        };
        match attr.name.as_str() {
            "append" if is_sys_path(on) => self.add_first(args),
            "insert" if is_sys_path(on) => {
                if let Some(value) = args.args.get(1) {
                    self.add(value);
                }
            }
            "extend" if is_sys_path(on) => {
                if let Some(value) = args.args.first() {
                    self.add_all(value);
                }
            }
            "addsitedir" => self.add_first(args),
            _ => {}
        }
    }

    fn add_first(&mut self, args: &'a Arguments) {
        if let Some(value) = args.args.first() {
            self.add(value);
        }
    }

    fn add(&mut self, value: &'a Expr) {
        let dir = self.text(value, 0).and_then(|text| below_root(&text));
        self.dirs.extend(dir);
    }

    fn add_all(&mut self, value: &'a Expr) {
        let dirs: Vec<String> =
            self.list(value, 0).into_iter().flatten().filter_map(|text| below_root(&text)).collect();
        self.dirs.extend(dirs);
    }

    /// The texts of a list; what is unknown in it is left out.
    fn list(&self, value: &'a Expr, depth: u32) -> Option<Vec<String>> {
        if depth > MAX_DEPTH {
            return None;
        }
        match &value.kind {
            ExprKind::List(items) | ExprKind::Tuple(items) | ExprKind::Set(items) => {
                Some(items.iter().filter_map(|item| self.text(item, depth + 1)).collect())
            }
            ExprKind::BinOp { op: BinOp::Add, left, right } => {
                let (left, right) = (self.list(left, depth + 1), self.list(right, depth + 1));
                (left.is_some() || right.is_some())
                    .then(|| left.into_iter().flatten().chain(right.into_iter().flatten()).collect())
            }
            ExprKind::Name(name) => match self.names.get(name.as_str()) {
                Some(Value::List(items)) => Some(items.clone()),
                _ => None,
            },
            ExprKind::Comprehension { element, clauses, .. } => {
                let [clause] = clauses.as_slice() else { return None };
                let name = clause.target.as_name()?;
                let items = self.list(&clause.iter, depth + 1)?;
                let texts = items.into_iter().filter_map(|item| {
                    let mut inner = self.inner();
                    inner.names.insert(name, Value::Text(item));
                    inner.text(element, depth + 1)
                });
                Some(texts.collect())
            }
            _ => None,
        }
    }

    fn inner(&self) -> Reader<'a> {
        Reader { file: self.file.clone(), names: self.names.clone(), dirs: Vec::new(), steps: self.steps }
    }

    /// The text of a path or string.
    fn text(&self, value: &'a Expr, depth: u32) -> Option<String> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.evaluate(value, depth + 1).filter(|text| text.len() <= MAX_TEXT)
    }

    fn evaluate(&self, value: &'a Expr, next: u32) -> Option<String> {
        match &value.kind {
            ExprKind::Name(name) if name == "__file__" => Some(self.file.clone()),
            ExprKind::Name(name) => match self.names.get(name.as_str()) {
                Some(Value::Text(text)) => Some(text.clone()),
                _ => None,
            },
            ExprKind::Str(pieces) => self.string(pieces, next),
            ExprKind::Attribute { value, attr } => match attr.name.as_str() {
                "parent" => self.text(value, next).map(|path| parent(&path)),
                "pardir" => Some("..".to_owned()),
                "curdir" => Some(".".to_owned()),
                "sep" => Some("/".to_owned()),
                _ => None,
            },
            ExprKind::Subscript { value, index } => self.subscript(value, index, next),
            ExprKind::Call { func, args } => self.called(func, args, next),
            ExprKind::BinOp { op, left, right } => {
                let first = self.text(left, next)?;
                match op {
                    BinOp::Div => Some(join(&first, &self.text(right, next)?)),
                    BinOp::Add => Some(first + &self.text(right, next)?),
                    // django-environ: `Path(__file__) - 3`
                    BinOp::Sub => Some((0..count(right)?).fold(first, |path, _| parent(&path))),
                    BinOp::Mod => self.formatted(&first, right, next),
                    _ => None,
                }
            }
            ExprKind::IfExp { body, orelse, .. } => self.text(body, next).or_else(|| self.text(orelse, next)),
            ExprKind::BoolOp { values, .. } => values.iter().find_map(|value| self.text(value, next)),
            _ => None,
        }
    }

    fn string(&self, pieces: &'a [StrPiece], depth: u32) -> Option<String> {
        let mut text = String::new();
        for part in pieces.iter().flat_map(|piece| &piece.parts) {
            match part {
                StrPart::Text(part) => text.push_str(part),
                StrPart::Hole(value) => text.push_str(&self.text(value, depth)?),
            }
        }
        Some(text)
    }

    fn formatted(&self, format: &str, value: &'a Expr, depth: u32) -> Option<String> {
        let values = match &value.kind {
            ExprKind::Tuple(items) => items.iter().map(|item| self.text(item, depth)).collect::<Option<Vec<_>>>()?,
            _ => vec![self.text(value, depth)?],
        };
        Some(values.iter().fold(format.to_owned(), |text, value| text.replacen("%s", value, 1)))
    }

    fn subscript(&self, value: &'a Expr, index: &'a Expr, depth: u32) -> Option<String> {
        match &value.kind {
            ExprKind::Attribute { value, attr } if attr.name == "parents" => {
                let path = self.text(value, depth)?;
                Some((0..=count(index)?).fold(path, |path, _| parent(&path)))
            }
            // `os.path.split(path)[0]`
            ExprKind::Call { func, args } => {
                let name = func.as_dotted()?.last().copied()?;
                let path = self.text(args.args.first()?, depth)?;
                (name == "split" && count(index)? == 0).then(|| parent(&path))
            }
            _ => None,
        }
    }

    fn called(&self, func: &'a Expr, args: &'a Arguments, depth: u32) -> Option<String> {
        if let ExprKind::Attribute { value, attr } = &func.kind
            && let Some(on) = self.text(value, depth)
        {
            return match attr.name.as_str() {
                "abspath" | "resolve" | "absolute" | "realpath" | "normpath" | "expand" | "expanduser" | "as_posix"
                | "normcase" => Some(on),
                "dirname" => Some(parent(&on)),
                "joinpath" | "child" | "path" | "join_path" => self.join_args(on, args, depth),
                "ancestor" => Some((0..count(args.args.first()?)?).fold(on, |path, _| parent(&path))),
                "format" => {
                    let values = args.args.iter().map(|arg| self.text(arg, depth)).collect::<Option<Vec<_>>>()?;
                    Some(values.iter().fold(on, |text, value| text.replacen("{}", value, 1)))
                }
                "rstrip" | "strip" => Some(on),
                _ => None,
            };
        }
        if let Some(Value::Helper(params, body)) = func.as_name().and_then(|name| self.names.get(name)) {
            return self.helper(params, body, args, depth);
        }
        if let Some(on) = func.as_name().and_then(|_| self.text(func, depth)) {
            return self.join_args(on, args, depth);
        }
        let name = func.as_dotted()?.last().copied()?;
        match name {
            "join" | "Path" | "PurePath" | "PosixPath" | "path" | "normjoin" => {
                let (first, rest) = args.args.split_first()?;
                rest.iter().try_fold(self.text(first, depth)?, |path, arg| self.join_one(path, arg, depth))
            }
            "abspath" | "realpath" | "normpath" | "expanduser" | "normcase" | "str" | "unicode" | "fspath"
            | "force_str" | "force_text" => self.text(args.args.first()?, depth),
            "dirname" => self.text(args.args.first()?, depth).map(|path| parent(&path)),
            "basename" => self.text(args.args.first()?, depth).map(|path| {
                let path = normal(&path);
                path.rsplit_once('/').map_or(path.clone(), |(_, name)| name.to_owned())
            }),
            "getcwd" | "getcwdu" | "cwd" => Some(ROOT.to_owned()),
            _ => None,
        }
    }

    fn join_args(&self, base: String, args: &'a Arguments, depth: u32) -> Option<String> {
        args.args.iter().try_fold(base, |path, arg| self.join_one(path, arg, depth))
    }

    fn join_one(&self, path: String, arg: &'a Expr, depth: u32) -> Option<String> {
        match &arg.kind {
            ExprKind::Starred(list) => Some(self.list(list, depth)?.iter().fold(path, |path, part| join(&path, part))),
            _ => Some(join(&path, &self.text(arg, depth)?)),
        }
    }

    fn helper(&self, params: &'a [Param], body: &'a Expr, args: &'a Arguments, depth: u32) -> Option<String> {
        let mut inner = self.inner();
        let mut given = args.args.iter();
        for param in params {
            let name = param.name.name.as_str();
            match param.kind {
                ParamKind::VarArgs => {
                    let rest = given.by_ref().map(|arg| self.text(arg, depth)).collect::<Option<Vec<_>>>()?;
                    inner.names.insert(name, Value::List(rest));
                }
                _ => {
                    let value = given.next().or(param.default.as_ref()).and_then(|arg| self.text(arg, depth));
                    match value {
                        Some(value) => inner.names.insert(name, Value::Text(value)),
                        None => inner.names.remove(name),
                    };
                }
            }
        }
        // Twice as deep: a helper that calls itself ends soon.
        inner.text(body, depth + MAX_DEPTH / 4)
    }
}

fn is_sys_path(value: &Expr) -> bool {
    value.as_dotted().is_some_and(|path| path == ["sys", "path"])
}

fn count(value: &Expr) -> Option<u32> {
    match &value.kind {
        ExprKind::Number(number) => number.parse().ok().filter(|&n| n <= MAX_DEPTH),
        _ => None,
    }
}
