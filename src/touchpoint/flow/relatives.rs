//! Rows and queries of the models around the target: accessors, lookups that join the target's table, and deletions that
//! cascade to it.

use std::collections::BTreeSet;

use compact_str::CompactString;

use super::Flow;
use super::call::Values;
use super::eval::{Chain, Op};
use super::method::MethodCall;
use crate::ast::{Arguments, Expr, Ident};
use crate::finding::{Access, Confidence};
use crate::touchpoint::Kind;
use crate::touchpoint::models::has_field;
use crate::touchpoint::orm::{self, Gives};
use crate::touchpoint::ty::{ClassId, Ty, TySet};

impl<'p> Flow<'_, 'p> {
    /// Gives the models that are in none of the scanned trees classes without a body.
    pub(super) fn register_outside(&mut self) {
        let around = self.around;
        for (index, node) in around.nodes.iter().enumerate() {
            let Some(dotted) = &node.external else { continue };
            let id = self.add_class(node.file, node.class, &node.class.name.name, None, Some(index));
            self.class_at.insert((node.file, node.class.name.span.start), id);
            self.outside.insert(dotted.clone(), id);
        }
    }

    /// Something that is in none of the scanned trees, by its dotted path: a model around the target, or unknown.
    pub(super) fn outside(&self, dotted: CompactString) -> TySet {
        match self.outside.get(&dotted) {
            Some(class) => TySet::one(Ty::Class(*class)),
            None => TySet::one(Ty::External(dotted)),
        }
    }

    /// The class of the users, where it is a model around the target.
    pub(super) fn user_class(&self) -> Option<ClassId> {
        self.node_class[self.around.user?]
    }

    /// The row that a relation field of a row leads to; `None` where it has no such field.
    pub(super) fn related_row(&mut self, class: ClassId, attr: &Ident, sure: bool) -> Option<TySet> {
        let step = self.around.attribute(self.class(class).node?, &attr.name)?;
        if step.is_set() || step.reverse {
            return None;
        }
        let Some(to) = self.node_class[step.to] else { return Some(TySet::unknown()) };
        if let Some(label) = self.model_of(to).map(|model| model.label.clone()) {
            self.touch_relation(attr, &label, Access::Read, sure);
        }
        Some(TySet::one(Ty::Instance(to)))
    }

    /// The accessor of a row to rows of another model: a reverse one, or that of a many-to-many field.
    pub(super) fn related(
        &mut self,
        ty: &Ty,
        sure: bool,
        attr: &Ident,
        at: usize,
        chain: &mut Chain<'p>,
    ) -> Option<TySet> {
        let Ty::Instance(class) = ty else { return None };
        let step = self.around.attribute(self.class(*class).node?, &attr.name)?;
        if !step.is_set() && !step.reverse {
            return None;
        }
        let to = self.node_class[step.to]?;
        let set = step.is_set();
        if let Some(label) = self.model_of(to).map(|model| model.label.clone()) {
            let own = self.model_of(*class).map(|model| model.label.clone());
            let refers_to = own.filter(|_| step.reverse);
            let access = match set {
                true => match self.fold_access(&chain.ops, at + 1, Some(to)) {
                    Access::None => Access::Read,
                    access => access,
                },
                false => Access::Read,
            };
            if set {
                chain.told = true;
            }
            chain.access = access;
            self.touch_reverse(attr, &label, refers_to.as_deref(), access, sure);
        }
        if !set {
            return Some(TySet::one(Ty::Instance(to)));
        }
        let managers: TySet = ["objects", "_default_manager"]
            .iter()
            .map(|name| self.class_attr(to, name))
            .find(|found| found.iter().any(|(ty, _)| matches!(ty, Ty::Manager(..))))
            .unwrap_or_default();
        Some(if managers.is_unknown() { TySet::one(Ty::Manager(to, None)) } else { managers })
    }

    /// An attribute of something unknown that only a row of a model around the target fits: `request.user`, and a
    /// one-to-one accessor on which a method of its model is used.
    pub(super) fn row_by_name(&mut self, attr: &Ident, at: usize, chain: &Chain<'p>) -> TySet {
        let before = match at.checked_sub(1).and_then(|before| chain.ops.get(before)) {
            Some(Op::Attr(before)) => Some(before.name.clone()),
            Some(_) => None,
            None => chain.base.as_ref().map(|base| base.name.clone()),
        };
        if attr.name == "user" && before.is_some_and(|before| before == "request") {
            return self.user_class().map(|class| TySet::one(Ty::Instance(class)).unsure()).unwrap_or_default();
        }
        let Some(Op::Attr(next)) = chain.ops.get(at + 1) else { return TySet::unknown() };
        let mut found = TySet::default();
        for &node in self.around.one_to_one(&attr.name) {
            let Some(class) = self.node_class[node] else { continue };
            if self.method(class, &next.name).is_none() {
                continue;
            }
            if let Some(label) = self.model_of(class).map(|model| model.label.clone()) {
                self.touch_reverse(attr, &label, None, Access::Read, false);
            }
            found.insert(Ty::Instance(class), false);
        }
        found
    }

    /// The models that matter whose tables a lookup joins; with `whole`, the last relation is followed too, as
    /// `select_related` does.
    pub(super) fn joined(&self, on: ClassId, lookup: &str, whole: bool) -> Vec<ClassId> {
        let Some(node) = self.class(on).node else { return Vec::new() };
        let joined = self.around.joins(node, lookup, whole).unwrap_or_default();
        let classes = joined.into_iter().filter_map(|node| self.node_class[node]);
        let mut classes: Vec<ClassId> = classes.filter(|class| self.class(*class).model.is_some()).collect();
        classes.sort_by_key(|class| self.class(*class).model);
        classes
    }

    /// A keyword of a query that is a lookup through relations of the model; false when it may be anything else.
    pub(super) fn joining_keyword(&mut self, model: ClassId, name: &Ident) -> bool {
        let Some(node) = self.class(model).node else { return false };
        if self.around.joins(node, &name.name, false).is_none() {
            let first = name.name.split("__").next().unwrap_or(&name.name);
            let info = self.class(model);
            // A field of its own is no relation to another model.
            return info.model.is_none() && has_field(self.resolver, info.file, info.def, first);
        }
        let joined = self.joined(model, &name.name, false).first().and_then(|class| self.model_of(*class));
        if let Some(label) = joined.map(|model| model.label.clone()) {
            self.touch_relation(name, &label, Access::Read, true);
        }
        true
    }

    /// A method of a queryset that reads the table of a model and gives no rows of it.
    pub(super) fn joined_method(&mut self, model: ClassId, call: &mut MethodCall<'p>, chain: &Chain<'p>) {
        match orm::method(&call.attr.name) {
            Some((_, Gives::QuerySet | Gives::Rows)) => {
                call.result.insert(Ty::Rows(model), true);
                call.handled = true;
            }
            Some(_) => {
                if !chain.told {
                    self.touch_evaluation(model, call.attr);
                }
                call.handled = true;
            }
            None => {}
        }
    }

    /// What the lookups of a query join is read when the query is evaluated, wherever that is.
    pub(super) fn joins(
        &mut self,
        set: &TySet,
        attr: &Ident,
        args: &'p Arguments,
        values: &Values,
        result: &mut TySet,
    ) {
        let Some((_, Gives::QuerySet | Gives::Rows)) = orm::method(&attr.name) else { return };
        let whole = matches!(attr.name.as_str(), "select_related" | "prefetch_related");
        let mut joined = self.read_by(values);
        let mut queries = false;
        for (ty, _) in set.iter() {
            match ty {
                Ty::Manager(on, _) | Ty::QuerySet(on, _) => {
                    queries = true;
                    joined.extend(self.joined_by(*on, args, whole));
                }
                Ty::Rows(_) => queries = true,
                _ => {}
            }
        }
        if !queries {
            return;
        }
        for class in joined {
            let own = |(ty, _): &(Ty, bool)| matches!(ty, Ty::QuerySet(of, _) if *of == class);
            if !result.iter().any(own) {
                result.insert(Ty::Rows(class), true);
            }
        }
    }

    /// The models that the lookups among arguments join.
    fn joined_by(&self, on: ClassId, args: &Arguments, whole: bool) -> BTreeSet<ClassId> {
        let keywords = args.keywords.iter().filter_map(|keyword| keyword.name.as_ref().map(|name| name.name.clone()));
        let texts = args.args.iter().filter_map(Expr::as_str);
        let plain = |text: CompactString| CompactString::from(text.trim_start_matches('-'));
        keywords.chain(texts.map(plain)).flat_map(|lookup| self.joined(on, &lookup, whole)).collect()
    }

    /// The models whose tables are read by querysets among values: subqueries, and `Q` objects that join.
    fn read_by(&self, values: &Values) -> BTreeSet<ClassId> {
        let all = values.positional.iter().chain(values.keywords.iter().map(|(_, set)| set));
        let read = all.flat_map(TySet::iter).filter_map(|(ty, _)| match ty {
            Ty::Rows(class) | Ty::QuerySet(class, _) | Ty::Manager(class, _) => Some(*class),
            _ => None,
        });
        read.filter(|class| self.class(*class).model.is_some()).collect()
    }

    /// An expression of Django's that stands in a query: `Q(…)`, `Exists(rows)`, `Count("order__lines")`.
    pub(super) fn query_expression(&self, name: &str, args: &Arguments, values: &Values) -> TySet {
        if !matches!(
            name,
            "Q" | "F"
                | "Exists"
                | "Subquery"
                | "Prefetch"
                | "FilteredRelation"
                | "Count"
                | "Max"
                | "Min"
                | "Sum"
                | "Avg"
        ) {
            return TySet::unknown();
        }
        let mut read = self.read_by(values);
        match self.queried.last() {
            Some((on, _)) => read.extend(self.joined_by(*on, args, name == "Prefetch")),
            // Put together before the query is: the names of the relations say it.
            None => {
                let keywords = args.keywords.iter().filter_map(|keyword| keyword.name.as_ref());
                for lookup in keywords.filter(|name| name.name.contains("__")) {
                    let segments: Vec<&str> = lookup.name.split("__").collect();
                    let reached = self.lookup_target(&segments).and_then(|(label, _)| self.class_by_label(&label));
                    read.extend(reached);
                }
            }
        }
        read.into_iter().map(|class| (Ty::Rows(class), true)).collect()
    }

    /// Rows of a model are deleted, and Django's collector reaches the target's by them.
    pub(super) fn touch_cascade(&mut self, class: ClassId, attr: &Ident) {
        let around = self.around;
        let Some(cascade) = self.class(class).node.and_then(|node| around.cascade(node)) else { return };
        let Some(target) = self.models.first() else { return };
        let found = (Kind::Cascade, cascade.access);
        self.report_chain(attr.span, &attr.name, found, (&target.label, None), (Confidence::Likely, &cascade.chain));
    }
}
