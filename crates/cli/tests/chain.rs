//! The on-chain commands against a real anvil.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, U256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use common::{Run, bundles, repo, run, run_in, scratch};
use haloracle_contracts::{Feature, IModelRegistry, ModelSpec, OutputField, Schema, statement};
use haloracle_testkit::{Anvil, anvil::ACCOUNTS, hub::policy};
use serde_json::Value;

/// Anvil's first account.
const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const PASSWORD: &str = "public test password";

/// A chain, a keystore with money, and a folder.
struct World {
    anvil: Anvil,
    dir: tempfile::TempDir,
    keystore: PathBuf,
}

impl World {
    fn new(arguments: &[&str]) -> Self {
        let dir = scratch();
        let mut rng = rand::thread_rng();
        let key = hex::decode(KEY).unwrap();
        PrivateKeySigner::encrypt_keystore(dir.path(), &mut rng, key, PASSWORD, Some("key.json"))
            .unwrap();
        let keystore = dir.path().join("key.json");
        Self {
            anvil: Anvil::with_args(arguments).unwrap(),
            dir,
            keystore,
        }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[])
    }

    fn run_with(&self, arguments: &[&str], more: &[(&str, &str)]) -> Run {
        let keystore = self.keystore.display().to_string();
        let environment = [
            ("HALORACLE_RPC_URL", self.anvil.url()),
            ("HALORACLE_KEYSTORE", &keystore),
            ("HALORACLE_PASSWORD", PASSWORD),
        ];
        run_in(self.dir.path(), arguments, &[&environment, more].concat())
    }

    fn deploy(&self, more: &[&str]) -> Run {
        let artifacts = repo("out");
        self.run(&[&["deploy", "--artifacts", &artifacts, "--json"], more].concat())
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.dir.path().join(inside)
    }
}

fn bundle(name: &str) -> String {
    bundles().join(name).display().to_string()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn keys_of_batches_are_registered_and_rebuilt() {
    let world = World::new(&[]);
    world.deploy(&[]).json(0);
    let (model, data) = (common::onnx("logreg"), common::golden("logreg"));
    let srs = bundles().join("dev.srs").display().to_string();
    for (name, sizes) in [("two", ["2", "4"]), ("other", ["2", "3"])] {
        let compile = ["compile", &model, "--calibration", &data, "-o", name];
        let batches = ["--batch", sizes[0], "--batch", sizes[1]];
        let done = world.run(&[&compile[..], &batches].concat());
        assert_eq!(done.code, Some(0), "{done:#?}");
        let done = world.run(&["setup", name, "--srs", &srs]);
        assert_eq!(done.code, Some(0), "{done:#?}");
    }
    let registered = world.run(&["register", "two", "--json"]).json(0);
    let added = registered["batches"].as_array().unwrap();
    let items: Vec<u64> = added
        .iter()
        .map(|key| key["items"].as_u64().unwrap())
        .collect();
    assert_eq!(items, [2, 4]);
    let id = text(&registered["model_id"]);
    let check = |bundle: &str| world.run(&["model-verify", &id, "--bundle", bundle, "--json"]);
    assert_eq!(check("two").json(0)["matches"], true);
    // The same model, single key and schema: only the batches differ.
    let other = check("other").json(1);
    let differences = other["differences"].as_array().unwrap();
    let what: Vec<&Value> = differences.iter().map(|d| &d["what"]).collect();
    assert_eq!(what, ["batch keys"], "{other}");
}

#[test]
fn a_model_is_deployed_registered_asked_and_checked() {
    let world = World::new(&[]);
    let deployed = world.deploy(&[]).json(0);
    let file: Value =
        serde_json::from_slice(&fs::read(world.path("deployments/31337.json")).unwrap()).unwrap();
    for part in ["verifiers", "router", "registry", "hub", "escrow"] {
        assert!(!file[part].is_null(), "{part}");
        assert_eq!(file[part], deployed[part], "{part}");
    }
    // One route per generated verifier, the narrow shape's first.
    let verifiers = file["verifiers"].as_array().unwrap();
    let names: Vec<String> = verifiers.iter().map(|v| text(&v["name"])).collect();
    assert_eq!(names, ["Halo2Verifier", "Halo2VerifierWide"]);
    for verifier in verifiers {
        let hash = |of: &str| text(&verifier[of]).parse::<B256>().unwrap();
        let route = statement::route(hash("shapeHash"), hash("srsHash"));
        assert_eq!(hash("route"), route, "{verifier}");
        assert_eq!(verifier["srsUnsafe"], true, "{verifier}");
    }

    let mlp = bundle("mlp_small");
    let register = ["register", &mlp, "--fee", "1000", "--json"];
    let registered = world.run(&register).json(0);
    let id = text(&registered["model_id"]);
    assert!(
        registered["gas_used"].as_u64().unwrap() <= 700_000,
        "{registered}"
    );
    world.run(&register).is_error(&["AlreadyRegistered"]);

    // The key is the model's, and of no other.
    let check = |bundle: &str| world.run(&["model-verify", &id, "--bundle", bundle, "--json"]);
    assert_eq!(check(&mlp).json(0)["matches"], true);
    let other = check(&bundle("logreg")).json(1);
    assert_eq!(other["matches"], false);
    let differences = other["differences"].as_array().unwrap();
    assert!(
        differences.iter().any(|d| d["what"] == "verifying key"),
        "{other}"
    );
    assert!(
        differences
            .iter()
            .any(|d| d["what"] == "hash of the key contract's code"),
        "{other}"
    );

    let data = common::golden("mlp_small");
    let request = |row: &str, more: &[&str]| {
        let arguments = ["request", &id, "--input", &data, "--row", row, "--json"];
        world.run(&[&arguments[..], more].concat())
    };
    let requested = request("1", &[]).json(0);
    assert_eq!(requested["fee"], "1000");
    let status = world
        .run(&["status", &text(&requested["request_id"]), "--json"])
        .json(0);
    assert_eq!(status["state"], "open");
    assert_eq!(status["model_id"], id.as_str());
    assert_eq!(status["raw_input"], requested["raw_input"]);
    request("1", &["--fee", "1"]).is_error(&["FeeTooLow"]);
    request("1", &["--time", "99999999"]).is_error(&["BadDeadline"]);
    fs::write(
        world.path("far.json"),
        format!("{{\"input\": [[{}]]}}", ["1e9"; 30].join(",")),
    )
    .unwrap();
    world
        .run(&["request", &id, "--input", "far.json"])
        .is_error(&["feature 0", "outside its domain"]);
    // With the bundle at hand features have their names; another model's has none to give.
    let named = world.path("named").display().to_string();
    let schema: Vec<Value> = (0..30)
        .map(|at| serde_json::json!({ "name": format!("column_{at}") }))
        .collect();
    let file = world.path("named.json");
    fs::write(&file, serde_json::json!({ "inputs": schema }).to_string()).unwrap();
    let (onnx, file) = (common::onnx("mlp_small"), file.display().to_string());
    let compile = ["compile", &onnx, "--calibration", &data, "--schema", &file];
    world.run(&[&compile[..], &["-o", &named]].concat());
    let request_far = ["request", &id, "--input", "far.json", "--bundle"];
    let far = |bundle: &str| world.run(&[&request_far[..], &[bundle]].concat());
    far(&named).is_error(&["column_0", "outside its domain"]);
    far(&bundle("logreg")).is_error(&["logreg", "another model"]);
    let waited = world.run(&["status", &text(&requested["request_id"]), "--wait", "1"]);
    assert_eq!(waited.code, Some(2), "nobody answers: {waited:#?}");
}

/// Registers a model that takes commitments, under the first route; nothing can prove it.
fn register_private_inputs(world: &World, deployed: &Value) -> U256 {
    let schema = Schema {
        digitBits: 8,
        inputDigits: 2,
        outputDigits: 2,
        inputMode: statement::INPUT_COMMITMENT,
        features: vec![Feature::default(); 3],
        outputs: vec![OutputField {
            multiplier: 1,
            ..OutputField::default()
        }],
    };
    // k, four instances, and (1, 2) for every commitment.
    let route = &deployed["verifiers"][0];
    let words = [9u64, 4].into_iter().chain([1, 2].repeat(15));
    let key: Vec<u8> = words
        .flat_map(|word| U256::from(word).to_be_bytes::<32>())
        .collect();
    let spec = ModelSpec {
        route: text(&route["route"]).parse().unwrap(),
        srsHash: text(&route["srsHash"]).parse().unwrap(),
        vkHash: statement::vk_hash(&key),
        schemaHash: statement::schema_hash(&schema),
        ..ModelSpec::default()
    };
    let owner = ACCOUNTS[0];
    let id = statement::model_id(owner, &spec);
    let call = IModelRegistry::registerCall {
        spec,
        vkData: key.into(),
        schema,
        policy: policy(1000, 0),
    };
    let registry = text(&deployed["registry"]).parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sent = world.anvil.send(
        "register",
        owner,
        Some(registry),
        U256::ZERO,
        call.abi_encode().into(),
    );
    runtime.block_on(sent).unwrap();
    id
}

#[test]
fn a_private_request_shows_a_commitment_and_no_input() {
    let world = World::new(&[]);
    let deployed = world.deploy(&[]).json(0);
    let id = format!("{:#066x}", register_private_inputs(&world, &deployed));
    let commitment = format!("0x{}", "05".repeat(32));
    let subject = ACCOUNTS[1].to_string();
    let ask = |more: &[&str]| world.run(&[&["request", &id, "--json"], more].concat());
    let requested = ask(&["--commitment", &commitment, "--subject", &subject]).json(0);
    assert_eq!(requested["commitment"], commitment.as_str());
    assert!(requested.get("raw_input").is_none(), "{requested}");

    let request = text(&requested["request_id"]);
    let status = world.run(&["status", &request, "--json"]).json(0);
    assert_eq!(status["state"], "open");
    assert_eq!(status["input_commitment"], commitment.as_str());
    let shown: Address = text(&status["subject"]).parse().unwrap();
    assert_eq!(shown, ACCOUNTS[1]);
    assert!(status.get("raw_input").is_none(), "{status}");
    let shown = world.run(&["status", &request]).stdout;
    assert!(shown.contains("private, of"), "{shown}");

    // The values themselves are never sent to a model that wants them private.
    let data = common::golden("mlp_small");
    ask(&["--input", &data, "--row", "1"]).is_error(&["takes private inputs", "--opening"]);
    let beyond = format!("0x{}", "ff".repeat(32));
    ask(&["--commitment", &beyond, "--subject", &subject]).is_error(&["BadCommitment"]);
    let zero = Address::ZERO.to_string();
    ask(&["--commitment", &commitment, "--subject", &zero]).is_error(&["ZeroSubject"]);
    for wrong in [
        &["--commitment", &commitment][..],
        &["--subject", &subject],
        &[
            "--input",
            &data,
            "--commitment",
            &commitment,
            "--subject",
            &subject,
        ],
        &["--commitment", "0x12", "--subject", &subject],
        &[],
    ] {
        let run = ask(wrong);
        assert_eq!(run.code, Some(2), "{run:#?}");
        assert_eq!(run.stdout, "", "{run:#?}");
    }

    let mlp = bundle("mlp_small");
    let registered = world.run(&["register", &mlp, "--json"]).json(0);
    let public = text(&registered["model_id"]);
    world
        .run(&[
            "request",
            &public,
            "--commitment",
            &commitment,
            "--subject",
            &subject,
        ])
        .is_error(&["takes public inputs", "--input"]);
}

#[test]
fn unknown_ids_and_wrong_places() {
    let world = World::new(&[]);
    world
        .run(&["status", "1"])
        .is_error(&["where are the contracts", "31337.json"]);
    world.deploy(&[]).json(0);
    world
        .run(&["status", "1"])
        .is_error(&["unknown request id 0x00"]);
    let data = common::golden("mlp_small");
    let request = ["request", "77", "--input", &data, "--row", "1"];
    world.run(&request).is_error(&["UnknownModel"]);
    let mlp = bundle("mlp_small");
    world
        .run(&["model-verify", "77", "--bundle", &mlp])
        .is_error(&["unknown model id"]);
    world.run(&["withdraw"]).is_error(&["nothing"]);
    let nobody = "0x00000000000000000000000000000000000000aa";
    world
        .run(&["status", "1", "--hub", nobody])
        .is_error(&["no hub at"]);
    let run = world.run(&["status", "what"]);
    assert_eq!(run.code, Some(2), "{run:#?}");
}

#[test]
fn nodes_and_passwords_that_are_wrong() {
    let world = World::new(&[]);
    let at = |url| world.run_with(&["withdraw"], &[("HALORACLE_RPC_URL", url)]);
    at("http://127.0.0.1:1").is_error(&["http://127.0.0.1:1", "reach"]);
    at("not a url").is_error(&["not a url"]);
    at("ftp://example.org").is_error(&["HTTP"]);
    let with = |name, value| world.run_with(&["withdraw"], &[(name, value)]);
    with("HALORACLE_PASSWORD", "guess").is_error(&["wrong password", "key.json"]);
    with("HALORACLE_KEYSTORE", "none.json").is_error(&["none.json", "No such file"]);
    fs::write(world.path("odd.json"), "{\"crypto\": {}}").unwrap();
    with("HALORACLE_KEYSTORE", "odd.json").is_error(&["odd.json", "keystore"]);
    let url = world.anvil.url();
    let keystore = world.keystore.display().to_string();
    let run = run(
        world.dir.path(),
        &["withdraw", "--rpc-url", url, "--keystore", &keystore],
    );
    run.is_error(&["HALORACLE_PASSWORD", "--password-file"]);
    fs::write(world.path("pw"), format!("{PASSWORD}\n")).unwrap();
    let run = with("HALORACLE_PASSWORD_FILE", "pw");
    run.is_error(&["where are the contracts"]);
}

#[test]
fn an_unsafe_setup_stays_on_development_chains() {
    let world = World::new(&["--chain-id", "1"]);
    world
        .deploy(&[])
        .is_error(&["unsafe", "--allow-unsafe", "chain 1"]);
    assert!(
        !Path::new(&world.path("deployments")).exists(),
        "no record of what did not happen"
    );
    assert_eq!(world.deploy(&["--allow-unsafe"]).json(0)["chainId"], 1);
    world
        .deploy(&["--allow-unsafe"])
        .is_error(&["exists already"]);
    let mlp = bundle("mlp_small");
    world
        .run(&["register", &mlp])
        .is_error(&["unsafe", "--allow-unsafe"]);
    world
        .run(&["register", &mlp, "--allow-unsafe", "--json"])
        .json(0);
}
