//! The program loads a CSV file without a header into a table by the csv crate and tokio-postgres' binary COPY, in one
//! transaction.
//!
//! load URI FILE TABLE NAME:TYPE,…
use std::error::Error;
use std::pin::pin;

use bytes::{BufMut, BytesMut};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type};
use tokio_postgres::NoTls;

type AnyError = Box<dyn Error + Sync + Send>;

#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Integer,
    Date,
}

/// A field of a record. An empty field is null, as COPY reads CSV.
#[derive(Debug)]
struct Field<'a> {
    kind: Kind,
    text: &'a str,
}

impl ToSql for Field<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, AnyError> {
        if self.text.is_empty() {
            return Ok(IsNull::Yes);
        }
        match self.kind {
            Kind::Text => out.put_slice(self.text.as_bytes()),
            Kind::Integer => out.put_i32(self.text.parse()?),
            Kind::Date => out.put_i32(days_since_2000(self.text)?),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, AnyError> {
        self.to_sql(ty, out)
    }
}

/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
fn days_since_2000(text: &str) -> Result<i32, AnyError> {
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or("").parse::<i32>();
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Ok(era * 146_097 + day_of_era - 730_425)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), AnyError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [uri, path, table, described] = arguments.as_slice() else {
        return Err("usage: load URI FILE TABLE NAME:TYPE,…".into());
    };
    let (mut names, mut kinds, mut types) = (vec![], vec![], vec![]);
    for column in described.split(',') {
        let (name, kind) = column.split_once(':').ok_or("a column has no type")?;
        names.push(name);
        let (kind, sql_type) = match kind {
            "integer" => (Kind::Integer, Type::INT4),
            "date" => (Kind::Date, Type::DATE),
            _ => (Kind::Text, Type::TEXT),
        };
        kinds.push(kind);
        types.push(sql_type);
    }
    let (mut client, connection) = tokio_postgres::connect(uri, NoTls).await?;
    let connected = tokio::spawn(connection);
    let transaction = client.transaction().await?;
    let copy = format!("COPY {table} ({}) FROM STDIN WITH (FORMAT binary)", names.join(", "));
    let mut writer = pin!(BinaryCopyInWriter::new(transaction.copy_in(&copy).await?, &types));
    let mut records = csv::ReaderBuilder::new().has_headers(false).buffer_capacity(1 << 20).from_path(path)?;
    let mut record = csv::StringRecord::new();
    while records.read_record(&mut record)? {
        let fields = kinds.iter().enumerate().map(|(i, &kind)| Field { kind, text: &record[i] });
        writer.as_mut().write_raw(fields).await?;
    }
    writer.finish().await?;
    transaction.commit().await?;
    drop(client);
    connected.await??;
    Ok(())
}
