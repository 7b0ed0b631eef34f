//! A text scan on the wire.
//!
//! DataFusion encodes its own `CsvSource` with all that belongs to any file scan: file groups, ranges, schema, partition values,
//! projection. So the scan travels as one, and our options beside it as JSON. E-tags are not part of that encoding (pins carry
//! them), and its 32-bit limit would wrap, so the limit travels with the options.
//!
//! Layout: length of the JSON (4 bytes, little endian), the JSON, the plan.

use std::sync::Arc;

use datafusion::datasource::physical_plan::{CsvSource, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::bytes::{
    physical_plan_from_bytes_with_proto_converter, physical_plan_to_bytes_with_proto_converter,
};
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use serde::{Deserialize, Serialize};

use crate::error::Error;

use super::options::TextOptions;
use super::source::TextSource;

#[derive(Serialize, Deserialize)]
struct Envelope {
    options: TextOptions,
    limit: Option<usize>,
    preserve_order: bool,
}

/// Encodes `exec` if it scans a [`TextSource`], else `None`. `codec` and `converter` are the ones the whole plan is encoded with.
pub fn encode(
    exec: &DataSourceExec,
    codec: &dyn PhysicalExtensionCodec,
    converter: &dyn PhysicalProtoConverterExtension,
) -> Result<Option<Vec<u8>>> {
    let Some((config, source)) = exec.downcast_to_file_source::<TextSource>() else { return Ok(None) };
    let envelope =
        Envelope { options: source.options().clone(), limit: config.limit, preserve_order: config.preserve_order };
    let json = serde_json::to_vec(&envelope).map_err(|error| DataFusionError::External(Box::new(error)))?;
    let plain = FileScanConfigBuilder::from(config.clone())
        .with_source(Arc::new(source.bookkeeping().clone()))
        .with_limit(None)
        .build();
    let plan = physical_plan_to_bytes_with_proto_converter(DataSourceExec::from_data_source(plain), codec, converter)?;
    let length = u32::try_from(json.len()).map_err(|error| DataFusionError::External(Box::new(error)))?;
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend_from_slice(&json);
    bytes.extend_from_slice(&plan);
    Ok(Some(bytes))
}

/// Decodes what [`encode`] wrote.
pub fn decode(
    bytes: &[u8],
    ctx: &TaskContext,
    codec: &dyn PhysicalExtensionCodec,
    converter: &dyn PhysicalProtoConverterExtension,
) -> Result<Arc<dyn ExecutionPlan>> {
    let (json, plan) = parts(bytes).ok_or_else(|| damaged("it is cut short"))?;
    let envelope: Envelope = serde_json::from_slice(json).map_err(|error| damaged(&error.to_string()))?;
    let plan = physical_plan_from_bytes_with_proto_converter(plan, ctx, codec, converter)?;
    let scan = plan.downcast_ref::<DataSourceExec>().and_then(|exec| exec.downcast_to_file_source::<CsvSource>());
    let (config, bookkeeping): (&FileScanConfig, &CsvSource) = scan.ok_or_else(|| damaged("it holds another plan"))?;
    let source = TextSource::around(bookkeeping.clone(), Arc::new(envelope.options));
    let config = FileScanConfigBuilder::from(config.clone())
        .with_source(Arc::new(source))
        .with_limit(envelope.limit)
        .with_preserve_order(envelope.preserve_order)
        .build();
    Ok(DataSourceExec::from_data_source(config))
}

fn parts(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

fn damaged(why: &str) -> DataFusionError {
    Error::internal(format!("the fragment's text scan cannot be decoded: {why}")).into()
}
