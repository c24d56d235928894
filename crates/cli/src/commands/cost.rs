//! `haloracle cost`: what settling a model's requests costs, by way and chain.

mod chart;

use std::fmt;
use std::path::PathBuf;

use alloy::primitives::{U256, utils::format_ether};
use eyre::ensure;
use haloracle_agent::cost::{Cost, Model, Prices, Way, cheapest};
use haloracle_contracts::l1_fee::L1Prices;
use haloracle_prover::Bundle;
use serde::Serialize;

use crate::exit::Exit;
use crate::text::write;
use crate::ui::Ui;

/// Wei of a gwei.
const GWEI: f64 = 1e9;
/// Proofs of an aggregate.
const SLOTS: [u32; 2] = [4, 8];

/// `haloracle cost`
#[derive(Debug, clap::Args)]
pub(crate) struct CostArgs {
    /// Bundle of the model
    bundle: PathBuf,
    /// Requests per hour
    #[arg(long, default_value_t = 60.0, value_name = "N")]
    rate: f64,
    /// Longest that a request waits for others, in seconds
    #[arg(long, default_value_t = 60.0, value_name = "S")]
    wait: f64,
    /// Price of gas on L1
    #[arg(long, default_value_t = 10.0, value_name = "GWEI")]
    l1_gas_price: f64,
    /// Price of gas on the L2
    #[arg(long, default_value_t = 0.005, value_name = "GWEI")]
    l2_gas_price: f64,
    /// L1's base fee as the L2 charges it; the price of L1's gas if absent
    #[arg(long, value_name = "GWEI")]
    l1_base_fee: Option<f64>,
    /// L1's blob base fee as the L2 charges it
    #[arg(long, default_value_t = 1.0, value_name = "GWEI")]
    blob_base_fee: f64,
    /// The L2's weight of L1's base fee, six decimals
    #[arg(long, default_value_t = 2_269, value_name = "N")]
    base_fee_scalar: u32,
    /// The L2's weight of the blob base fee, six decimals
    #[arg(long, default_value_t = 1_055_762, value_name = "N")]
    blob_base_fee_scalar: u32,
    /// Price of a coin in the currency that you count in
    #[arg(long, default_value_t = 3_000.0, value_name = "PRICE")]
    coin_price: f64,
    /// Also show batches of N items that the bundle has no key for; may be given several times
    #[arg(long, value_name = "N")]
    items: Vec<u32>,
    /// Write a chart of gas per request over the size of the batch
    #[arg(long, value_name = "FILE.svg")]
    chart: Option<PathBuf>,
}

/// One way at the given rate.
#[derive(Debug, Serialize)]
struct Line {
    #[serde(flatten)]
    cost: Cost,
    /// Whether the bundle has the key that it takes.
    available: bool,
    gas_per_request: u64,
    l1: Fee,
    l2: Fee,
}

/// A fee per request.
#[derive(Debug, Serialize)]
struct Fee {
    wei: U256,
    /// In the currency of the coin's price.
    fiat: f64,
}

#[derive(Debug, Serialize)]
struct CostReport {
    model: String,
    shape: String,
    rate: f64,
    wait: f64,
    /// Requests that come together while one waits, itself included.
    gathered: u32,
    ways: Vec<Line>,
    /// The way that the agent would take on L1.
    cheapest_l1: Option<Way>,
    /// The way that the agent would take on the L2.
    cheapest_l2: Option<Way>,
}

fn name(way: Way) -> String {
    match way {
        Way::Single => "single".into(),
        Way::Batch { items } => format!("batch {items}"),
        Way::Root { items } => format!("root {items}"),
        Way::Aggregate { slots } => format!("recursive {slots}"),
    }
}

impl fmt::Display for CostReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}, {}: {} requests an hour, {} gathered in {} s",
            self.model, self.shape, self.rate, self.gathered, self.wait
        )?;
        writeln!(
            f,
            "{:12} {:>8} {:>12} {:>12}   {:>14} {:>9}   {:>14} {:>9}",
            "way", "requests", "gas", "per request", "L1, coins", "fiat", "L2, coins", "fiat"
        )?;
        for line in &self.ways {
            let coins = |fee: &Fee| {
                let mut coins = format_ether(fee.wei);
                coins.truncate(14);
                coins
            };
            writeln!(
                f,
                "{:12} {:>8} {:>12} {:>12}   {:>14} {:>9.4}   {:>14} {:>9.5}{}",
                name(line.cost.way),
                line.cost.requests,
                line.cost.gas,
                line.gas_per_request,
                coins(&line.l1),
                line.l1.fiat,
                coins(&line.l2),
                line.l2.fiat,
                if line.available { "" } else { "   no key" }
            )?;
        }
        let chosen = |way: Option<Way>| way.map_or("none".into(), name);
        write!(
            f,
            "the agent takes {} on L1, {} on the L2; per request, callbacks and claims of a root's \
             leaves apart",
            chosen(self.cheapest_l1),
            chosen(self.cheapest_l2)
        )
    }
}

/// Wei of an amount of gwei.
fn wei(gwei: f64) -> u128 {
    (gwei * GWEI) as u128
}

impl CostArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let numbers = [
            ("--rate", self.rate),
            ("--wait", self.wait),
            ("--l1-gas-price", self.l1_gas_price),
            ("--l2-gas-price", self.l2_gas_price),
            ("--l1-base-fee", self.l1_base_fee.unwrap_or_default()),
            ("--blob-base-fee", self.blob_base_fee),
            ("--coin-price", self.coin_price),
        ];
        for (option, value) in numbers {
            ensure!(
                value.is_finite() && (0.0..1e12).contains(&value),
                "{option} is {value}; it must be a number from 0 to 10^12"
            );
        }
        for items in &self.items {
            ensure!(
                (2..=256).contains(items),
                "--items is {items}; a batch has 2 to 256"
            );
        }
        let bundle = Bundle::open(&self.bundle)?;
        let model = Model::of(&bundle);
        let (l1, l2) = self.prices();
        // One waits, and others come until it has waited long enough.
        let gathered = 1 + (self.rate * self.wait / 3_600.0).min(1e6) as u32;
        let mut sizes = model.batches.clone();
        sizes.extend(&self.items);
        sizes.sort_unstable();
        sizes.dedup();
        let batches = sizes.iter().map(|items| Way::Batch { items: *items });
        let roots = sizes.iter().map(|items| Way::Root { items: *items });
        let recursive = SLOTS.map(|slots| Way::Aggregate { slots });
        let ways = std::iter::once(Way::Single).chain(batches).chain(roots);
        let ways = ways.chain(recursive);
        let lines = ways.map(|way| self.line(Cost::new(&model, way, gathered), &model, &l1, &l2));
        let report = CostReport {
            model: bundle.model().name.clone(),
            shape: model.shape.to_string(),
            rate: self.rate,
            wait: self.wait,
            gathered,
            ways: lines.collect(),
            cheapest_l1: cheapest(&model, gathered, &l1).map(|cost| cost.way),
            cheapest_l2: cheapest(&model, gathered, &l2).map(|cost| cost.way),
        };
        if let Some(path) = &self.chart {
            write(path, chart::draw(&model, &bundle.model().name).as_bytes())?;
        }
        ui.data(&report)?;
        Ok(Exit::Yes)
    }

    /// Prices on L1 and on the L2.
    fn prices(&self) -> (Prices, Prices) {
        let l1 = Prices {
            gas: wei(self.l1_gas_price),
            l1: None,
        };
        let l2 = Prices {
            gas: wei(self.l2_gas_price),
            l1: Some(L1Prices {
                base_fee: wei(self.l1_base_fee.unwrap_or(self.l1_gas_price)),
                blob_base_fee: wei(self.blob_base_fee),
                base_fee_scalar: self.base_fee_scalar,
                blob_base_fee_scalar: self.blob_base_fee_scalar,
            }),
        };
        (l1, l2)
    }

    fn line(&self, cost: Cost, model: &Model, l1: &Prices, l2: &Prices) -> Line {
        let fee = |prices: &Prices| {
            let wei = cost.fee_per_request(prices);
            Fee {
                wei,
                fiat: u128::try_from(wei).unwrap_or(u128::MAX) as f64 / 1e18 * self.coin_price,
            }
        };
        let available = match cost.way {
            Way::Single | Way::Aggregate { .. } => true,
            Way::Batch { items } | Way::Root { items } => model.batches.contains(&items),
        };
        Line {
            available,
            gas_per_request: cost.gas / u64::from(cost.requests),
            l1: fee(l1),
            l2: fee(l2),
            cost,
        }
    }
}
