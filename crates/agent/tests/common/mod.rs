//! A world for agent tests: real contracts on anvil, a registered random model with real keys,
//! and an operator's files.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]
#![allow(clippy::expect_used, reason = "a test ends where its world does")]

use std::{
    path::PathBuf,
    sync::OnceLock,
    time::{Duration, Instant},
};

use alloy::{
    primitives::{Address, U256},
    transports::http::reqwest,
};
use haloracle_agent::{
    AgentError, CancellationToken,
    config::Config,
    registration::{Privacy, schema_of},
    run,
};
use haloracle_contracts::ModelSpec;
use haloracle_model::IntegerModel;
use haloracle_prover::{Bundle, BundleParts, Keys, Shape, Srs, compile, compile_batch};
use haloracle_testkit::{
    Anvil, Hub, Operator, OperatorConfig,
    hub::{policy, unsafe_seed},
    models::{random_input, random_model},
    process::free_port,
};
use rand::{SeedableRng, rngs::StdRng};
use tokio::task::JoinHandle;

/// Fee of every request, in wei.
pub const FEE: u64 = 1_000_000;
/// Owner's share of it, in hundredths of a percent.
pub const OWNER_SHARE_BPS: u16 = 1_000;
/// What the payee gets for one request.
pub const PAY: u64 = FEE - FEE / 10;
/// The operator's payout address; it never signs.
pub const PAYEE: Address = Address::repeat_byte(0x99);
/// One SRS for all tests of a file, large enough for their model.
static SRS: OnceLock<Srs> = OnceLock::new();
/// How long anything may take on a busy machine.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Everything around an agent.
pub struct World {
    pub hub: Hub,
    pub model: IntegerModel,
    pub keys: Keys,
    pub model_id: U256,
    pub operator: Operator,
    pub port: u16,
    pub bundle: PathBuf,
    inputs: StdRng,
    directory: tempfile::TempDir,
}

/// What a test varies.
#[derive(Default)]
pub struct Setup {
    pub confirmations: u64,
    /// Nodes in front of anvil's own; `None` puts anvil alone.
    pub urls: Option<Vec<String>>,
    /// More TOML tables.
    pub more: &'static str,
    /// Shape of the model's circuit; narrow if absent.
    pub shape: Option<Shape>,
    /// Whether the model's inputs, and its weights, are private.
    pub private: (bool, bool),
    /// Items of the model's batch circuits.
    pub batches: &'static [u32],
    /// Lines of `[batch]` besides the settler; no table if absent.
    pub batch: Option<&'static str>,
}

impl World {
    pub async fn new(setup: Setup) -> Self {
        let anvil = Anvil::start().expect("anvil");
        Self::on(anvil, setup).await
    }

    pub async fn on(anvil: Anvil, setup: Setup) -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let mut rng = StdRng::seed_from_u64(7);
        let mut model = random_model(&mut rng, 4, &[5, 3]);
        let (inputs, weights) = setup.private;
        if weights {
            model = model.with_private_weights().expect("dense layers");
        }
        if inputs {
            model = model.with_private_inputs();
        }
        let bundle_dir = directory.path().join("bundle");
        let parts = BundleParts {
            model: &model,
            shape: Some(setup.shape.unwrap_or(Shape::Narrow)),
            onnx: b"none: a random model",
            report_json: b"{}",
            report_html: b"<html></html>",
        };
        let srs = SRS.get_or_init(|| Srs::unsafe_setup(11, unsafe_seed()).expect("an SRS"));
        let program = compile(&model, parts.shape).expect("a circuit");
        let batches: Vec<_> = (setup.batches.iter())
            .map(|items| {
                compile_batch(&model, *items as usize, program.shape()).expect("a circuit")
            })
            .collect();
        let bundle = Bundle::create_batched(&bundle_dir, parts, program, &batches);
        let mut bundle = bundle.expect("a bundle");
        let keys = bundle.setup(srs).expect("keys");
        let hub = Hub::deploy(anvil).await.expect("contracts");
        let data = keys.verifying_key().to_data();
        let policy = policy(FEE, OWNER_SHARE_BPS);
        let privacy = Privacy::of(&bundle).expect("its commitment");
        let schema = schema_of(&model, privacy).expect("a schema");
        let spec = ModelSpec {
            route: match keys.verifying_key().shape() {
                Shape::Narrow => hub.route,
                Shape::Wide => hub.wide_route,
            },
            modelCommitment: privacy.model_commitment,
            ..ModelSpec::default()
        };
        let batch_keys: Vec<_> = (setup.batches.iter())
            .map(|items| {
                let key = bundle.batch_verifying_key(*items).expect("a key");
                (*items as u16, key.to_data())
            })
            .collect();
        let hash = srs.hash().into();
        let model_id = hub
            .register_batched(spec, &data, hash, schema, policy, &batch_keys)
            .await
            .expect("registered");
        let port = free_port().expect("a port");
        let config = OperatorConfig {
            urls: setup
                .urls
                .unwrap_or_else(|| vec![hub.anvil.url().to_owned()]),
            hub: hub.hub,
            payee: PAYEE,
            bundles: vec![bundle_dir.clone()],
            confirmations: setup.confirmations,
            port,
            more: match setup.batch {
                Some(lines) => format!(
                    "{}\n[batch]\nsettler = \"{}\"\n{lines}\n",
                    setup.more, hub.settler
                ),
                None => setup.more.to_owned(),
            },
        };
        let operator = Operator::create(directory.path(), &config).expect("operator's files");
        let ether = U256::from(10).pow(U256::from(18));
        hub.anvil
            .set_balance(operator.signer, ether)
            .await
            .expect("funded");
        Self {
            hub,
            model,
            keys,
            model_id,
            operator,
            port,
            bundle: bundle_dir,
            inputs: rng,
            directory,
        }
    }

    pub fn config(&self) -> Config {
        Config::read(&self.operator.config).expect("a configuration")
    }

    /// A random input of the model.
    pub fn input(&mut self) -> Vec<i64> {
        random_input(&mut self.inputs, &self.model)
    }

    /// Asks for the answer to a random input.
    pub async fn ask(&mut self) -> Asked {
        let input = self.input();
        let (id, request) = self
            .hub
            .request(self.model_id, &input, FEE)
            .await
            .expect("asked");
        Asked { id, request, input }
    }

    /// The packed answer to an input.
    pub fn answer(&self, input: &[i64]) -> Vec<u8> {
        let trace = self.model.run(input).expect("an input");
        let words = self.model.pack_output(trace.status, trace.outputs());
        words.concat()
    }

    /// Waits until the request is settled, and checks that it was settled exactly once, with the
    /// right answer, for our payee.
    pub async fn settled_once(&self, asked: &Asked) {
        until("the request to be settled", || async {
            !self.hub.verified(asked.id).await.expect("logs").is_empty()
        })
        .await;
        let verified = self.hub.verified(asked.id).await.expect("logs");
        assert_eq!(verified.len(), 1, "settled exactly once");
        assert_eq!(verified[0].payee, PAYEE);
        assert_eq!(verified[0].output.to_vec(), self.answer(&asked.input));
    }

    /// What the payee and the model's owner were credited.
    pub async fn paid(&self) -> (u64, u64) {
        let credit = async |account| self.hub.credit(account).await.expect("credit").to::<u64>();
        (
            credit(PAYEE).await,
            credit(haloracle_testkit::hub::OWNER).await,
        )
    }

    /// Transactions of the agent's signer on the chain.
    pub async fn sent(&self) -> u64 {
        let params = serde_json::json!([self.operator.signer, "latest"]);
        let count = self
            .hub
            .anvil
            .call("eth_getTransactionCount", params)
            .await
            .expect("count");
        let text = count
            .as_str()
            .expect("a number")
            .trim_start_matches("0x")
            .to_owned();
        u64::from_str_radix(&text, 16).expect("a number")
    }

    /// A page of the health server: status and body; `None` while it does not answer.
    pub async fn page(&self, path: &str) -> Option<(u16, String)> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let response = reqwest::get(url).await.ok()?;
        Some((response.status().as_u16(), response.text().await.ok()?))
    }

    /// Waits until the metrics hold `line`.
    pub async fn metric(&self, line: &str) {
        until(line, || async {
            self.page("/metrics")
                .await
                .is_some_and(|(_, text)| text.lines().any(|l| l == line))
        })
        .await;
    }
}

/// An agent in this process.
pub struct Agent {
    stop: CancellationToken,
    task: JoinHandle<Result<(), AgentError>>,
}

impl Agent {
    pub fn start(world: &World) -> Self {
        haloracle_agent::logging::init(haloracle_agent::LogFormat::Text);
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(world.config(), stop.clone()));
        Self { stop, task }
    }

    pub async fn stop(self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(LIMIT, self.task)
            .await
            .expect("it stops");
        ended.expect("no panic").expect("no error");
    }
}

/// A request that was made.
#[derive(Clone, Debug)]
pub struct Asked {
    pub id: U256,
    pub request: haloracle_contracts::Request,
    pub input: Vec<i64>,
}

/// Waits until `condition` holds.
pub async fn until<F, Fut>(what: &str, condition: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = bool>,
{
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < LIMIT, "timed out waiting for {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
