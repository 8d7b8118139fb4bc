//! Asks a running sidecar through the crate triton-client for the digits of two runtimes, by every call that it has.
//!
//!     triton-rust GRPC_URL FILE
//!
//! FILE holds a JSON list of the rows' pixels. Prints one line a check, and each answer as JSON with its bytes in hex;
//! ends with "ok" and status 0, or with the first difference and status 1. The server must serve examples/digits as
//! "digits" and "digits_tfjs", and run with --model_control_mode=explicit.

use std::fmt::Debug;
use std::process::exit;

use futures::StreamExt;
use serde_json::json;
use tonic::Code;
use triton_client::client::{Client, Error};
use triton_client::inference::model_infer_request::InferInputTensor;
use triton_client::inference::*;

const MODELS: [&str; 2] = ["digits", "digits_tfjs"];

/// Ends the program at the first check that fails.
fn require<T: PartialEq + Debug>(what: &str, found: T, wanted: T) {
    if found != wanted {
        eprintln!("{what}: {found:?} instead of {wanted:?}");
        exit(1);
    }
    println!("{what}");
}

/// A call that must fail with this status.
fn refused<T: Debug>(what: &str, result: Result<T, Error>, code: Code) {
    match result {
        Err(Error::ResponseError(status)) => require(what, status.code(), code),
        other => {
            eprintln!("{what}: {other:?}");
            exit(1);
        }
    }
}

/// All rows, raw or in the typed field.
fn question(model: &str, rows: &[Vec<f32>], is_raw: bool) -> ModelInferRequest {
    let pixels: Vec<f32> = rows.concat();
    let mut input = InferInputTensor {
        name: "pixels".into(),
        datatype: "FP32".into(),
        shape: vec![rows.len() as i64, rows[0].len() as i64],
        ..Default::default()
    };
    let mut raw = vec![];
    if is_raw {
        raw.push(pixels.iter().flat_map(|pixel| pixel.to_le_bytes()).collect());
    } else {
        input.contents = Some(InferTensorContents {
            fp32_contents: pixels,
            ..Default::default()
        });
    }
    ModelInferRequest {
        model_name: model.into(),
        id: "r-1".into(),
        inputs: vec![input],
        raw_input_contents: raw,
        ..Default::default()
    }
}

fn print_answer(how: &str, answer: &ModelInferResponse) {
    let model = &answer.model_name;
    let head = (answer.id.as_str(), answer.model_version.as_str());
    require(&format!("id and version, {model}, {how}"), head, ("r-1", "1"));
    let outputs = answer
        .outputs
        .iter()
        .zip(&answer.raw_output_contents)
        .map(|(output, raw)| {
            let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({"name": output.name, "datatype": output.datatype, "shape": output.shape, "hex": hex})
        });
    println!(
        "{}",
        json!({"model": model, "how": how, "outputs": outputs.collect::<Vec<serde_json::Value>>()})
    );
}

async fn check_infer(client: &Client, rows: &[Vec<f32>]) -> Result<(), Error> {
    for model in MODELS {
        print_answer("raw", &client.model_infer(question(model, rows, true)).await?);
        print_answer("typed", &client.model_infer(question(model, rows, false)).await?);
    }
    let unknown = client.model_infer(question("none", rows, true)).await;
    refused("infer of no such model", unknown, Code::NotFound);
    let short: Vec<_> = rows.iter().map(|row| row[..3].to_vec()).collect();
    let wrong = client.model_infer(question("digits", &short, true)).await;
    refused("another shape", wrong, Code::InvalidArgument);
    Ok(())
}

/// The crate has the stream in its inner client alone. A stream for each request: rows are alone then.
async fn check_stream(client: &Client, rows: &[Vec<f32>]) -> Result<(), Error> {
    for model in MODELS {
        let asked = futures::stream::iter([question(model, rows, true)]);
        let mut answers = client.inner.clone().model_stream_infer(asked).await?.into_inner();
        let answer = answers.message().await?.expect("an answer on the stream");
        require("no error on the stream", answer.error_message.as_str(), "");
        print_answer("stream", &answer.infer_response.expect("a response"));
        require("the stream ends", answers.next().await.is_none(), true);
    }
    Ok(())
}

async fn check_lookups(client: &Client) -> Result<(), Error> {
    require("live", client.server_live().await?.live, true);
    require("ready", client.server_ready().await?.ready, true);
    require(
        "server metadata",
        client.server_metadata().await?.name.as_str(),
        "pillion",
    );
    for name in MODELS.map(String::from) {
        let version = String::from("1");
        let asked = ModelReadyRequest {
            name: name.clone(),
            version: version.clone(),
        };
        require(
            &format!("{name} is ready"),
            client.model_ready(asked).await?.ready,
            true,
        );
        let asked = ModelMetadataRequest {
            name: name.clone(),
            version: version.clone(),
        };
        let input = &client.model_metadata(asked).await?.inputs[0];
        let found = (input.name.as_str(), input.datatype.as_str(), input.shape.as_slice());
        require(&format!("metadata of {name}"), found, ("pixels", "FP32", &[-1, 64]));
        let asked = ModelConfigRequest {
            name: name.clone(),
            version: version.clone(),
        };
        let config = client.model_config(asked).await?.config.expect("a configuration");
        let found = (
            config.name.as_str(),
            config.input[0].data_type(),
            config.max_batch_size > 1,
        );
        require(
            &format!("configuration of {name}"),
            found,
            (name.as_str(), DataType::TypeFp32, true),
        );
        let stats = &client
            .model_statistics(ModelStatisticsRequest {
                name: name.clone(),
                version,
            })
            .await?
            .model_stats[0];
        let successes = stats
            .inference_stats
            .as_ref()
            .and_then(|all| all.success.as_ref())
            .map(|one| one.count);
        require(&format!("statistics of {name}"), successes, Some(3));
    }
    Ok(())
}

async fn states(client: &Client) -> Result<Vec<String>, Error> {
    let index = client.repository_index(RepositoryIndexRequest::default()).await?;
    Ok(index
        .models
        .iter()
        .map(|each| format!("{} {}", each.name, each.state))
        .collect())
}

async fn check_repository(client: &Client) -> Result<(), Error> {
    let all = vec![String::from("digits READY"), String::from("digits_tfjs READY")];
    require("index", states(client).await?, all.clone());
    let unload = RepositoryModelUnloadRequest {
        model_name: "digits".into(),
        ..Default::default()
    };
    client.repository_model_unload(unload).await?;
    require("unloaded", states(client).await?[0].as_str(), "digits UNAVAILABLE");
    let load = RepositoryModelLoadRequest {
        model_name: "digits".into(),
        ..Default::default()
    };
    client.repository_model_load(load).await?;
    require("loaded again", states(client).await?, all);
    Ok(())
}

async fn check_settings(client: &Client) -> Result<(), Error> {
    let settings = client.trace_setting(TraceSettingRequest::default()).await?.settings;
    require(
        "trace settings",
        settings["trace_level"].value.clone(),
        vec![String::from("OFF")],
    );
    let what = "shared memory";
    refused(
        what,
        client.system_shared_memory_status(Default::default()).await,
        Code::Unimplemented,
    );
    refused(
        what,
        client.system_shared_memory_register(Default::default()).await,
        Code::Unimplemented,
    );
    refused(
        what,
        client.system_shared_memory_unregister(Default::default()).await,
        Code::Unimplemented,
    );
    client
        .cuda_shared_memory_status(Default::default())
        .await?;
    refused(
        what,
        client.cuda_shared_memory_register(Default::default()).await,
        Code::Unimplemented,
    );
    client
        .cuda_shared_memory_unregister(Default::default())
        .await?;
    Ok(())
}

async fn check_all(url: &str, rows: &[Vec<f32>]) -> Result<(), Error> {
    let client = Client::new(url, None).await?;
    check_infer(&client, rows).await?;
    check_stream(&client, rows).await?;
    check_lookups(&client).await?;
    check_repository(&client).await?;
    check_settings(&client).await
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let text = std::fs::read_to_string(&args[2]).expect("the file of rows");
    let rows: Vec<Vec<f32>> = serde_json::from_str(&text).expect("rows of pixels");
    if let Err(error) = check_all(&args[1], &rows).await {
        eprintln!("{error:?}");
        exit(1);
    }
    println!("ok");
}
