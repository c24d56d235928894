//! What a configuration may hold, and how its errors read.

use super::*;

const GOOD: &str = r#"
chain_id = 31337
hub = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
payee = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
state_dir = "state"
[rpc]
urls = ["http://localhost:8545"]
[signer]
keystore = "/keys/operator.json"
password_env = "PASSWORD"
[[models]]
bundle = "bundles/credit"
max_pending = 3
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/haloracle/agent.toml"))
}

#[test]
fn paths_are_relative_to_the_file() {
    let config = parse(GOOD).expect("well-formed");
    assert_eq!(config.state_dir, Path::new("/etc/haloracle/state"));
    assert_eq!(config.signer.keystore, Path::new("/keys/operator.json"));
    assert_eq!(
        config.models[0].bundle,
        Path::new("/etc/haloracle/bundles/credit")
    );
    assert_eq!(config.rpc.confirmations, 2);
    assert_eq!(config.admission.min_profit_wei, 0, "nothing at a loss");
}

#[test]
fn errors_name_file_line_and_key() {
    let text = GOOD.replace("max_pending = 3", "max_pendign = 3");
    let error = parse(&text).expect_err("unknown key").to_string();
    assert!(
        error.starts_with("`/etc/haloracle/agent.toml` line 13, column 1"),
        "{error}"
    );
    assert!(error.contains("max_pendign"), "{error}");
    let text = GOOD.replace("chain_id = 31337", "chain_id = \"mainnet\"");
    let error = parse(&text).expect_err("wrong type").to_string();
    assert!(error.contains("line 2, column 12"), "{error}");
}

#[test]
fn senseless_values_are_refused() {
    let zero = format!("{:#x}", Address::ZERO);
    let payee = GOOD.replace("0x70997970C51812dc3A010C7d01b50e0d17dc79C8", &zero);
    let no_password = GOOD.replace("password_env = \"PASSWORD\"", "");
    let no_nodes = GOOD.replace("\"http://localhost:8545\"", "");
    for (text, key) in [
        (payee, "payee"),
        (no_password, "signer"),
        (no_nodes, "rpc.urls"),
    ] {
        let error = parse(&text).expect_err(key).to_string();
        assert!(error.contains(&format!("`{key}`")), "{error}");
    }
}

#[test]
fn batches_need_a_settler_and_sizes_that_exist() {
    let with = |lines: &str| parse(&format!("{GOOD}[batch]\n{lines}\n"));
    let settler = "settler = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8'";
    let batch = with(settler).expect("well-formed").batch;
    assert!(batch.is_some_and(|batch| batch.max_wait_ms == 5_000 && !batch.callbacks));
    for (lines, expected) in [
        ("max_wait_ms = 1".to_owned(), "settler"),
        (
            "settler = '0x0000000000000000000000000000000000000000'".into(),
            "`batch.settler` is the zero address",
        ),
        (
            format!("{settler}\nmax_items = 1"),
            "`batch.max_items` must be from 2 to 256",
        ),
        (
            format!("{settler}\nmax_items = 257"),
            "`batch.max_items` must be from 2 to 256",
        ),
        (format!("{settler}\nmax_item = 4"), "max_item"),
    ] {
        let error = with(&lines).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
}
