//! The parts of a scan, timed apart: `cargo bench`.
//!
//! On the fixture project by default; `CSM_AUDIT_TREE=../edx-platform cargo bench` times a real tree.

use std::path::PathBuf;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use csm_audit::config::Settings;
use csm_audit::discover::{Discovery, FileKind, Options};
use csm_audit::parse::{ParseOptions, parse};
use csm_audit::project::{Project, workers};
use csm_audit::registry::Evaluator;
use csm_audit::resolve::Resolver;
use csm_audit::touchpoint::{self, Scope};

const TARGET: &str = "courseware.StudentModule";

fn tree() -> PathBuf {
    std::env::var_os("CSM_AUDIT_TREE")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/project"), PathBuf::from)
}

fn discover() -> Discovery {
    let options = Options { projects: vec![tree()], ..Options::default() };
    match Discovery::run(&options) {
        Ok(discovery) => discovery,
        Err(error) => panic!("{error}"),
    }
}

fn evaluator(project: &Arc<Project>) -> Evaluator {
    let pool = workers(None).unwrap_or_else(|error| panic!("{error}"));
    let settings = Settings { roots: vec![tree()], ..Settings::default() };
    Evaluator::start(Arc::clone(project), &settings, Arc::new(pool)).unwrap_or_else(|error| panic!("{error}"))
}

fn parts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scan");
    group.sample_size(10);
    group.bench_function("discover", |bench| bench.iter(discover));

    let discovery = discover();
    let named: Vec<Vec<u8>> = discovery
        .files_with_word("StudentModule")
        .filter(|file| discovery.entry(*file).kind == FileKind::Python)
        .filter_map(|file| discovery.read(file).ok())
        .collect();
    group.bench_function("parse files that name the model", |bench| {
        bench.iter(|| {
            named
                .iter()
                .map(|bytes| parse(bytes, ParseOptions { run_queries: true, keep_tree: true }).gaps.len())
                .sum::<usize>()
        });
    });

    group.bench_function("find, files parsed before", |bench| {
        let project = Arc::new(Project::new(discover(), ParseOptions { run_queries: true, keep_tree: true }));
        let evaluator = evaluator(&project);
        // Fills the cache of parsed files.
        let _ = touchpoint::find(&Resolver::new(&project), &evaluator, TARGET, Scope::All);
        bench.iter(|| touchpoint::find(&Resolver::new(&project), &evaluator, TARGET, Scope::All).touchpoints.len());
    });

    group.bench_function("whole", |bench| {
        bench.iter(|| {
            let project = Arc::new(Project::new(discover(), ParseOptions { run_queries: true, keep_tree: true }));
            touchpoint::find(&Resolver::new(&project), &evaluator(&project), TARGET, Scope::All).touchpoints.len()
        });
    });
    group.finish();
}

criterion_group!(benches, parts);
criterion_main!(benches);
