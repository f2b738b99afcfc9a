//! `cargo xtask corpus`: whether burstguard is right about real work, as a table.

mod table;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::setup;
use crate::tally::Tally;
use crate::vm::{self, Series};
use crate::workspace::Workspace;
use table::{Row, Table};

/// What is done besides playing, as the guest is told.
const RESTORE: &str = "--restore";

/// What a guest says of each case.
const SAID: &str = "corpus: ";

/// What to play where.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Which kernel, once or more often; else the newer one
    #[arg(long = "kernel", value_name = "SERIES")]
    kernels: Vec<Series>,
    /// Benign cases only, with budgets out of reach: what each would need
    #[arg(long)]
    measure: bool,
    /// Also put back what each destructive case has destroyed, and compare it; waits until all is kept before each, which takes long
    #[arg(long, conflicts_with = "measure")]
    restore: bool,
    /// Also write the table to a file
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only cases whose names contain one of these
    #[arg(value_name = "CASE")]
    cases: Vec<String>,
}

impl Options {
    /// What makes the same table again.
    fn command(&self, series: Series) -> String {
        format!("# cargo xtask corpus --kernel {series} {} {}", self.how(), self.cases.join(" "))
            .trim_end()
            .to_owned()
    }

    /// What is done besides playing.
    fn how(&self) -> &'static str {
        match (self.measure, self.restore) {
            (true, _) => "--measure",
            (false, true) => RESTORE,
            (false, false) => "",
        }
    }
}

/// Plays the cases on each kernel.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    setup::run(workspace)?;
    vm::on_each(&options.kernels, |series| {
        let table = play(workspace, series, options.how(), &options.cases)?;
        if let Some(file) = &options.output {
            let text = format!("{}\n\n{table}", options.command(series));
            fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
        }
        if options.measure { Ok(()) } else { table.verdict() }
    })
}

/// A stage of `cargo xtask test`: a case is a test. Of all cases, or those with these names; `restores`: what each destroyed is put back
/// and compared too.
pub(crate) fn stage(
    workspace: &Workspace,
    series: Series,
    restores: bool,
    cases: &[String],
    tally: &mut Tally,
) -> Result<()> {
    let table = play(workspace, series, if restores { RESTORE } else { "" }, cases)?;
    *tally += table.tally();
    table.verdict()
}

fn play(workspace: &Workspace, series: Series, how: &str, cases: &[String]) -> Result<Table> {
    let begun = Instant::now();
    let see = |(rows, complaints): &mut (Vec<Row>, Vec<String>), line: &str| match line
        .strip_prefix(SAID)
        .map(serde_json::from_str::<Row>)
    {
        Some(Ok(row)) => {
            println!("{}", row.line());
            rows.push(row);
        }
        _ => {
            println!("{line}");
            complaints.push(line.to_owned());
        }
    };
    let ((rows, complaints), outcome) = vm::work(workspace, series, how, cases, see)?;
    let table = Table::new(rows);
    println!("\n{table}");
    println!("corpus {series}: in {:.0} s", begun.elapsed().as_secs_f64());
    outcome.with_context(|| format!("after {} cases", table.len()))?;
    ensure!(table.len() > 0, "no case was played: {}", complaints.join("\n"));
    Ok(table)
}
