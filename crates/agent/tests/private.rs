//! Private inputs: from a subject's hands to a settlement, on a real chain with real proofs.

#![allow(clippy::expect_used, reason = "a test ends where its world does")]

mod common;

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, U256, hex},
    signers::{SignerSync, local::PrivateKeySigner},
    transports::http::reqwest,
};
use common::{Agent, Asked, FEE, PAY, PAYEE, Setup, World, until};
use haloracle_contracts::{State, authorisation::private_input_hash};
use haloracle_prover::{Shape, commit_input};
use haloracle_testkit::process::free_port;
use serde_json::{Value, json};

const TOKEN: &str = "a token of many letters";
const SALT: [u8; 32] = [0x17; 32];
const CHAIN: u64 = 31_337;

/// A world whose model takes private inputs, and whose agent is handed them.
struct Private {
    world: World,
    url: String,
    subject: PrivateKeySigner,
}

impl Private {
    async fn new(setup: Setup) -> Self {
        let port = free_port().expect("a port");
        // Leaked: a few bytes a test.
        let more: &'static str = Box::leak(
            format!(
                "[intake]\nlisten = \"127.0.0.1:{port}\"\ntoken_file = \"token\"\n\
                 max_body_bytes = 4096\nper_minute = 1000\n{}",
                setup.more
            )
            .into_boxed_str(),
        );
        let world = World::new(Setup {
            shape: Some(Shape::Wide),
            private: (true, setup.private.1),
            more,
            ..setup
        })
        .await;
        let token = world.operator.config.with_file_name("token");
        std::fs::write(token, format!("{}\n", TOKEN.replace(' ', "-"))).expect("written");
        Self {
            world,
            url: format!("http://127.0.0.1:{port}/v1/private-inputs"),
            subject: PrivateKeySigner::random(),
        }
    }

    fn commitment(&self, values: &[i64]) -> B256 {
        let words = self.world.model.pack_input(values).expect("slots");
        commit_input(&SALT, &words).expect("field elements").into()
    }

    async fn ask(&self, values: &[i64], subject: Address) -> Asked {
        let (commitment, hub) = (self.commitment(values), &self.world.hub);
        let asked = hub.request_private(self.world.model_id, commitment, subject, FEE);
        let (id, request) = asked.await.expect("asked");
        Asked {
            id,
            request,
            input: values.to_vec(),
        }
    }

    fn sign(&self, asked: &Asked) -> String {
        let hub = self.world.hub.hub;
        let hash = private_input_hash(CHAIN, hub, asked.id, asked.request.inputDigest);
        let signature = self.subject.sign_hash_sync(&hash).expect("signed");
        hex::encode_prefixed(signature.as_bytes())
    }

    fn body(&self, asked: &Asked) -> Value {
        json!({
            "requestId": format!("{:#066x}", asked.id),
            "salt": hex::encode_prefixed(SALT),
            "values": asked.input,
            "signature": self.sign(asked),
        })
    }

    async fn post(&self, body: &Value) -> (u16, String) {
        self.send(body.to_string(), &TOKEN.replace(' ', "-")).await
    }

    async fn send(&self, body: String, token: &str) -> (u16, String) {
        let client = reqwest::Client::new();
        let response = client
            .post(&self.url)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json; charset=utf-8")
            .body(body)
            .send()
            .await
            .expect("an answer");
        let status = response.status().as_u16();
        (status, response.text().await.expect("text"))
    }

    /// Hands an input in as soon as the agent has seen its request.
    async fn hand_in(&self, asked: &Asked) {
        let body = self.body(asked);
        until("the input to be taken", || async {
            let (status, text) = self.post(&body).await;
            assert!([202, 404, 503].contains(&status), "{status} {text}");
            status == 202
        })
        .await;
    }

    /// Waits until the agent serves and has seen `count` requests.
    async fn seen(&self, count: u64) {
        let line = format!("haloracle_requests_total {count}");
        self.world.metric(&line).await;
        until("the intake", || async {
            let head = reqwest::Client::new().get(&self.url).send().await;
            head.is_ok()
        })
        .await;
    }

    /// How many inputs are on disk.
    fn stored(&self) -> i64 {
        let path = self.world.config().state_dir.join("agent.db");
        let connection = rusqlite::Connection::open(path).expect("a database");
        let query = "SELECT count(*) FROM openings";
        connection
            .query_row(query, [], |row| row.get(0))
            .expect("a count")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_request_waits_for_its_input_and_is_answered_and_forgotten() {
    let mut private = Private::new(Setup::default()).await;
    let values = private.world.input();
    let asked = private.ask(&values, private.subject.address()).await;
    let agent = Agent::start(&private.world);
    private.seen(1).await;
    private
        .world
        .metric("haloracle_jobs{state=\"observed\"} 1")
        .await;
    private.hand_in(&asked).await;
    private.world.settled_once(&asked).await;
    let line = "haloracle_private_inputs_total{outcome=\"taken\"} 1";
    private.world.metric(line).await;
    private
        .world
        .metric("haloracle_jobs{state=\"done\"} 1")
        .await;

    // What is settled needs no input any more, and nothing is kept of it.
    let (status, text) = private.post(&private.body(&asked)).await;
    assert_eq!((status, text.contains("it is done")), (409, true), "{text}");
    agent.stop().await;
    let again = Agent::start(&private.world);
    until("the input to be deleted", || async {
        private.stored() == 0
    })
    .await;
    again.stop().await;
    assert_eq!(private.world.paid().await, (PAY, FEE - PAY));
}

/// The operator is paid for the proof that the input lies outside, the answer is all zero.
#[tokio::test(flavor = "multi_thread")]
async fn an_input_outside_the_box_is_refused_with_a_proof() {
    let mut private = Private::new(Setup::default()).await;
    let mut values = private.world.input();
    let feature = &private.world.model.input.features[2];
    values[2] = i64::from(feature.hi) + 1;
    let asked = private.ask(&values, private.subject.address()).await;
    let agent = Agent::start(&private.world);
    private.seen(1).await;
    private.hand_in(&asked).await;
    private.world.settled_once(&asked).await;
    let verified = private.world.hub.verified(asked.id).await.expect("logs");
    assert_eq!(verified[0].status, U256::ONE);
    let mut refusal = [0u8; 32];
    refusal[31] = 1;
    assert_eq!(verified[0].output.as_ref(), refusal);
    agent.stop().await;
    assert_eq!(private.world.paid().await, (PAY, FEE - PAY));
}

/// Weights and inputs private, an input that survives a restart before its request is deep enough.
#[tokio::test(flavor = "multi_thread")]
async fn an_input_outlives_a_restart_until_its_request_is_proved() {
    let mut private = Private::new(Setup {
        confirmations: 3,
        private: (true, true),
        ..Setup::default()
    })
    .await;
    let values = private.world.input();
    let asked = private.ask(&values, private.subject.address()).await;
    let agent = Agent::start(&private.world);
    private.seen(1).await;
    private.hand_in(&asked).await;
    agent.stop().await;
    assert_eq!(private.stored(), 1);
    let again = Agent::start(&private.world);
    private.world.hub.anvil.mine(3).await.expect("mined");
    private.world.settled_once(&asked).await;
    again.stop().await;
}

/// A contract signs by its own rules: here, exactly one hash.
#[tokio::test(flavor = "multi_thread")]
async fn a_contract_may_be_the_subject() {
    let mut private = Private::new(Setup::default()).await;
    let values = private.world.input();
    let wallet = Address::repeat_byte(0x77);
    let asked = private.ask(&values, wallet).await;
    let agent = Agent::start(&private.world);
    private.seen(1).await;
    let mut body = private.body(&asked);
    body["signature"] = json!("0x");
    let (status, text) = private.post(&body).await;
    assert_eq!(status, 403, "no code there yet: {text}");
    let hub = private.world.hub.hub;
    let install = async |hash: B256| {
        // 0x1626ba7e << 224 if the first argument is `hash`, else 0.
        let code = format!("0x7f{hash:x}60043514631626ba7e60e01b025f5260205ff3");
        let params = json!([wallet, code]);
        let set = private.world.hub.anvil.call("anvil_setCode", params);
        set.await.expect("code");
    };
    install(B256::repeat_byte(1)).await;
    let (status, text) = private.post(&body).await;
    assert_eq!(status, 403, "it signed something else: {text}");
    install(private_input_hash(
        CHAIN,
        hub,
        asked.id,
        asked.request.inputDigest,
    ))
    .await;
    assert_eq!(private.post(&body).await.0, 202);
    private.world.settled_once(&asked).await;
    agent.stop().await;
}

/// Everything that must not be taken, and that no refusal repeats what was handed in.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_subjects_input_is_refused() {
    let mut private = Private::new(Setup::default()).await;
    let mut values = private.world.input();
    values[0] = i64::from(private.world.model.input.features[0].lo) + 12_345;
    let shown = values[0].to_string();
    let asked = private.ask(&values, private.subject.address()).await;
    // The same commitment in somebody else's request: its opening is not his to hand in, and the
    // subject's signature is for another request.
    let copied = private.ask(&values, Address::repeat_byte(0x66)).await;
    let agent = Agent::start(&private.world);
    private.seen(2).await;
    let good = private.body(&asked);
    let with = |key: &str, value: Value| {
        let mut body = good.clone();
        body[key] = value;
        body
    };
    let mut other = values.clone();
    other[1] += 1;
    let slot = 1i64 << private.world.model.input_slot_bits();
    let mut beyond = values.clone();
    beyond[3] += slot;
    let id = |asked: &Asked| json!(format!("{:#066x}", asked.id));
    let mut longer = values.clone();
    longer.push(1);
    let unknown = json!(format!("{:#066x}", U256::from(5)));
    for (body, expected, message) in [
        (with("requestId", unknown), 404, "no such request"),
        (with("requestId", id(&copied)), 403, "subject"),
        (with("signature", json!("0x")), 403, "subject"),
        (
            with("signature", json!(private.sign(&copied))),
            403,
            "subject",
        ),
        (
            with("salt", json!(B256::repeat_byte(1))),
            422,
            "do not open",
        ),
        (with("salt", json!(B256::repeat_byte(0xff))), 422, "modulus"),
        (with("values", json!(other)), 422, "do not open"),
        (with("values", json!(beyond)), 422, "value 3, feature `x3`"),
        (
            with("values", json!(longer)),
            422,
            "takes 4 values, there are 5",
        ),
        (with("values", json!([])), 422, "there are 0"),
        (with("values", json!(["12345"])), 400, "line 1, column"),
        (with("values", json!([1.5])), 400, "line 1, column"),
        (with("extra", json!(1)), 400, "line 1, column"),
        (json!({}), 400, "line 1, column"),
        (json!("?"), 400, "line 1, column"),
    ] {
        let (status, text) = private.post(&body).await;
        assert_eq!(status, expected, "{body}: {text}");
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        let error = answer["error"].as_str().expect("a message");
        assert!(error.contains(message), "{body}: {text}");
        let mut words = text.split(|c: char| c != '-' && !c.is_ascii_alphanumeric());
        assert!(!words.any(|word| word == shown), "a value in {text}");
    }
    let token = TOKEN.replace(' ', "-");
    let (status, text) = private.send("{".into(), &token).await;
    assert_eq!(status, 400, "{text}");
    let (status, text) = private.send("x".repeat(5_000), &token).await;
    assert_eq!(status, 413, "{text}");
    for wrong in ["", "another-token-of-letters", &token[1..]] {
        let (status, text) = private.send(good.to_string(), wrong).await;
        assert_eq!(status, 401, "{text}");
    }
    let get = reqwest::get(&private.url).await.expect("an answer");
    assert_eq!(get.status().as_u16(), 405);
    assert_eq!(private.stored(), 0, "nothing was taken");

    // None of it stands in the way of the real one; the copied request is never answered.
    private.hand_in(&asked).await;
    private.world.settled_once(&asked).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (state, _) = private.world.hub.state(copied.id).await.expect("a state");
    assert_eq!(state, State::Open);
    let verified = private.world.hub.verified(asked.id).await.expect("logs");
    assert_eq!(verified[0].payee, PAYEE);
    agent.stop().await;
}

/// Without an intake a private request is skipped, not waited for.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_without_intake_skips_private_requests() {
    let mut world = World::new(Setup {
        shape: Some(Shape::Wide),
        private: (true, false),
        ..Setup::default()
    })
    .await;
    let values = world.input();
    let words = world.model.pack_input(&values).expect("slots");
    let commitment = commit_input(&SALT, &words).expect("field elements");
    let subject = Address::repeat_byte(1);
    let (model, hub) = (world.model_id, &world.hub);
    let asked = hub.request_private(model, commitment.into(), subject, FEE);
    asked.await.expect("asked");
    let agent = Agent::start(&world);
    world.metric("haloracle_jobs{state=\"skipped\"} 1").await;
    agent.stop().await;
}
