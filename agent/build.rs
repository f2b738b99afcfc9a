//! Builds the kernel programs into `OUT_DIR/burstguard-ebpf`, with the tools that `cargo xtask setup` chose.
//!
//! Without them `kernel_object_missing` is set instead: clippy and the unit tests do without the programs, and
//! lib.rs tells everybody else what to run.

use std::{env, fs, io::ErrorKind, path::Path};

use anyhow::{Context as _, Result, ensure};
use aya_build::{Package, Toolchain, build_ebpf};
use serde_json::Value;

const NOTE: &str = "../target/tools/kernel-toolchain.json";
const AGAIN: &str = "run `cargo xtask setup` again";

fn main() -> Result<()> {
    for path in [NOTE, "../agent-common/src", "../agent-common/Cargo.toml", "../Cargo.lock"] {
        println!("cargo:rerun-if-changed={path}");
    }
    match fs::read_to_string(NOTE) {
        // What is fuzzed does without them too.
        _ if env::var_os("CARGO_CFG_FUZZING").is_some() => {
            println!("cargo:rustc-cfg=kernel_object_missing");
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("cargo:rustc-cfg=kernel_object_missing");
            Ok(())
        }
        note => build(&note.with_context(|| format!("cannot read {NOTE}"))?),
    }
}

fn build(note: &str) -> Result<()> {
    let note: Value = serde_json::from_str(note).with_context(|| format!("{NOTE} is not JSON: {AGAIN}"))?;
    let text = |key| note[key].as_str().with_context(|| format!("{NOTE} has no {key}: {AGAIN}"));
    let (toolchain, linker) = (text("toolchain")?, text("linker")?);
    ensure!(Path::new(linker).exists(), "{linker}, the linker that {NOTE} names, is gone: {AGAIN}");
    // SAFETY: a build script is a process of its own, and this one has no other thread.
    unsafe {
        env::set_var("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", linker);
        // aya-build shows every line of the inner build as a warning.
        env::set_var("CARGO_TERM_QUIET", "true");
        if note["bootstrap"] == true {
            env::set_var("RUSTC_BOOTSTRAP", "1");
        }
    }
    let programs = Package { name: "agent-ebpf", root_dir: "../agent-ebpf", ..Package::default() };
    build_ebpf([programs], Toolchain::Custom(toolchain))
        .with_context(|| format!("the kernel programs do not build: {AGAIN}"))
}
