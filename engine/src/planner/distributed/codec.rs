//! Our own nodes on the wire: boundary facts, and text scans, whose options DataFusion's encoding would lose.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};

use super::boundary_facts::BoundaryFactsExec;
#[cfg(feature = "cluster")]
use super::cluster::ClusterTaskExec;
use crate::formats::text_codec;

/// First byte of an encoded node.
const BOUNDARY_FACTS: u8 = 1;
const TEXT_SCAN: u8 = 2;
#[cfg(feature = "cluster")]
const CLUSTER_TASK: u8 = 3;

/// Fails, rather than panics, on nodes of others: the combined codec then asks the next.
#[derive(Debug)]
pub(crate) struct ArachneCodec;

impl PhysicalExtensionCodec for ArachneCodec {
    fn try_decode(
        &self,
        bytes: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (bytes.split_first(), inputs) {
            (Some((&BOUNDARY_FACTS, facts)), [input]) => {
                Ok(Arc::new(BoundaryFactsExec::decode(facts, Arc::clone(input))?))
            }
            #[cfg(feature = "cluster")]
            (Some((&CLUSTER_TASK, task)), [input]) => {
                Ok(Arc::new(ClusterTaskExec::decode(task, Arc::clone(input), context)?))
            }
            (Some((&TEXT_SCAN, scan)), []) => text_codec::decode(scan, context, self, converter),
            _ => Err(DataFusionError::NotImplemented("unknown node of another version".to_owned())),
        }
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        bytes: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        if let Some(facts) = node.downcast_ref::<BoundaryFactsExec>() {
            bytes.push(BOUNDARY_FACTS);
            bytes.extend(facts.encode()?);
            return Ok(());
        }
        #[cfg(feature = "cluster")]
        if let Some(task) = node.downcast_ref::<ClusterTaskExec>() {
            bytes.push(CLUSTER_TASK);
            bytes.extend(task.encode()?);
            return Ok(());
        }
        if let Some(scan) = node.downcast_ref::<DataSourceExec>()
            && let Some(encoded) = text_codec::encode(scan, self, converter)?
        {
            bytes.push(TEXT_SCAN);
            bytes.extend(encoded);
            return Ok(());
        }
        Err(DataFusionError::NotImplemented(format!("{} cannot be sent to a worker", node.name())))
    }
}
