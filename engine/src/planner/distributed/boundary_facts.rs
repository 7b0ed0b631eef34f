//! What is known of the rows that cross a stage boundary.
//!
//! datafusion-distributed 4.0.0 rebuilds a boundary on the worker without its equalities and constants (its issue 679): a sort that
//! was planned on "d_year is constant" then fails on the worker. And its shuffle declares an order that reading several producers at
//! once destroys (issue 735): a sort above is left out and the rows come unsorted. This node stands above a boundary, travels with the
//! plan, and states exactly what holds.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::equivalence::{AcrossPartitions, ConstExpr};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use serde::{Deserialize, Serialize};

use crate::protocol::Blob;

/// Passes rows through and declares [`BoundaryFacts`] of them.
#[derive(Debug)]
pub(crate) struct BoundaryFactsExec {
    input: Arc<dyn ExecutionPlan>,
    facts: BoundaryFacts,
    properties: Arc<PlanProperties>,
}

/// Columns are positions in the boundary's schema.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct BoundaryFacts {
    /// Groups of columns that are equal in every row.
    pub(crate) equal: Vec<Vec<usize>>,
    /// Columns with one value in all rows of all partitions. A value per partition must never be put here: it would turn the
    /// constant of one branch of a UNION into a constant of the whole.
    pub(crate) constants: Vec<(usize, ScalarValue)>,
    /// The boundary's declared order does not hold.
    pub(crate) unordered: bool,
}

#[cfg(feature = "coordinator")]
impl BoundaryFacts {
    /// The facts of a plan that can be stated in columns.
    pub(crate) fn of(properties: &EquivalenceProperties) -> Self {
        let position = |expr: &Arc<dyn PhysicalExpr>| expr.downcast_ref::<Column>().map(Column::index);
        let mut facts = Self::default();
        for class in properties.eq_group().iter() {
            let columns: Vec<usize> = class.iter().filter_map(position).collect();
            if columns.len() > 1 {
                facts.equal.push(columns);
            }
        }
        for constant in properties.constants() {
            if let (Some(column), AcrossPartitions::Uniform(Some(value))) =
                (position(&constant.expr), constant.across_partitions)
            {
                facts.constants.push((column, value));
            }
        }
        facts
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.equal.is_empty() && self.constants.is_empty() && !self.unordered
    }
}

impl BoundaryFactsExec {
    pub(crate) fn try_new(input: Arc<dyn ExecutionPlan>, facts: BoundaryFacts) -> Result<Self> {
        let schema = input.schema();
        let column = |index: usize| -> Result<Arc<dyn PhysicalExpr>> {
            match schema.fields().get(index) {
                Some(field) => Ok(Arc::new(Column::new(field.name(), index))),
                None => internal_err!("boundary fact about column {index} of {}", schema.fields().len()),
            }
        };
        let mut equivalences = input.equivalence_properties().clone();
        if facts.unordered {
            equivalences.clear_orderings();
        }
        for group in &facts.equal {
            for pair in group.windows(2) {
                equivalences.add_equal_conditions(column(pair[0])?, column(pair[1])?)?;
            }
        }
        let constants = facts
            .constants
            .iter()
            .map(|(index, value)| Ok(ConstExpr::new(column(*index)?, AcrossPartitions::Uniform(Some(value.clone())))))
            .collect::<Result<Vec<_>>>()?;
        equivalences.add_constants(constants)?;
        let known = input.properties();
        let properties = Arc::new(PlanProperties::new(
            equivalences,
            known.partitioning.clone(),
            known.emission_type,
            known.boundedness,
        ));
        Ok(Self { input, facts, properties })
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let wire = Wire {
            equal: self.facts.equal.clone(),
            constant_columns: self.facts.constants.iter().map(|(index, _)| *index).collect(),
            constant_values: encode_values(self.facts.constants.iter().map(|(_, value)| value))?,
            unordered: self.facts.unordered,
        };
        serde_json::to_vec(&wire).map_err(|error| DataFusionError::External(Box::new(error)))
    }

    pub(crate) fn decode(bytes: &[u8], input: Arc<dyn ExecutionPlan>) -> Result<Self> {
        let wire: Wire = serde_json::from_slice(bytes).map_err(|error| DataFusionError::External(Box::new(error)))?;
        let values = decode_values(&wire.constant_values)?;
        let constants = wire.constant_columns.into_iter().zip(values).collect();
        Self::try_new(input, BoundaryFacts { equal: wire.equal, constants, unordered: wire.unordered })
    }
}

#[derive(Serialize, Deserialize)]
struct Wire {
    equal: Vec<Vec<usize>>,
    constant_columns: Vec<usize>,
    /// One row in Arrow IPC: scalar values of any type in one well-kept encoding.
    constant_values: Blob,
    unordered: bool,
}

fn encode_values<'a>(values: impl Iterator<Item = &'a ScalarValue>) -> Result<Blob> {
    let columns = values
        .enumerate()
        .map(|(index, value)| Ok((index.to_string(), value.to_array()?, true)))
        .collect::<Result<Vec<_>>>()?;
    if columns.is_empty() {
        return Ok(Blob::default());
    }
    let row = RecordBatch::try_from_iter_with_nullable(columns)?;
    let mut writer = StreamWriter::try_new(Vec::new(), &row.schema())?;
    writer.write(&row)?;
    Ok(Blob(writer.into_inner()?.into()))
}

fn decode_values(blob: &Blob) -> Result<Vec<ScalarValue>> {
    if blob.0.is_empty() {
        return Ok(Vec::new());
    }
    let mut reader = StreamReader::try_new(&blob.0[..], None)?;
    let Some(row) = reader.next().transpose()? else {
        return internal_err!("boundary facts without their values");
    };
    row.columns().iter().map(|column| ScalarValue::try_from_array(column, 0)).collect()
}

impl DisplayAs for BoundaryFactsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        let schema: Arc<Schema> = self.input.schema();
        let name = |index: &usize| schema.field(*index).name().clone();
        write!(f, "BoundaryFactsExec:")?;
        for group in &self.facts.equal {
            write!(f, " {}", group.iter().map(name).collect::<Vec<_>>().join("="))?;
        }
        for (index, value) in &self.facts.constants {
            write!(f, " {}={value}", name(index))?;
        }
        if self.facts.unordered { write!(f, " unordered") } else { Ok(()) }
    }
}

impl ExecutionPlan for BoundaryFactsExec {
    fn name(&self) -> &str {
        "BoundaryFactsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![!self.facts.unordered]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.pop()) {
            (Some(input), None) => Ok(Arc::new(Self::try_new(input, self.facts.clone())?)),
            _ => internal_err!("BoundaryFactsExec has one input"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }
}
