//! Classifies a digit, trains a few steps, classifies it again: the module in wasmtime.

mod digits;

use digits::Digits;
use wasmtime::{Engine, Result};

static WASM: &[u8] = include_bytes!("../digits.wasm");
static DATA: &[u8] = include_bytes!("../digits.bin");

fn pixels(from: usize, rows: usize) -> Vec<f32> {
    let rows = DATA.chunks_exact(65).skip(from).take(rows);
    rows.flat_map(|row| row[..64].iter().map(|&value| f32::from(value) / 16.0)).collect()
}

fn classify(model: &mut Digits) -> Result<()> {
    let scores = model.infer(&pixels(0, 1))?.predictions;
    let best = (0..scores.len()).fold(0, |best, i| if scores[i] > scores[best] { i } else { best });
    let bits: Vec<String> = scores.iter().map(|score| format!("{:08x}", score.to_bits())).collect();
    println!("a {} looks like a {best}: {}", DATA[64], bits.join(" "));
    Ok(())
}

fn main() -> Result<()> {
    let mut model = Digits::new(&Engine::default(), WASM)?;
    classify(&mut model)?;
    let labels: Vec<i32> = DATA.chunks_exact(65).skip(1).take(32).map(|row| i32::from(row[64])).collect();
    for step in 1..=5 {
        let loss = model.train_step(&pixels(1, 32), &labels, None, None)?.loss[0];
        println!("step {step}: loss {:08x}", loss.to_bits());
    }
    classify(&mut model)
}
