/// A weight that a circuit keeps, as `circuit --kept` writes it.
struct KeptWeight: ColumnRow {
    let label: Int?
    let layer: String
    let row: Int
    let element: Int
    let returned: Double?

    static let columns: [Column<KeptWeight>] = [
        .whole("label", "The label that the circuit is for; missing for the whole model.") { $0.label },
        .text("layer", "The tensor's name.") { $0.layer },
        .whole("row", "The index in the tensor's first dimension.") { $0.row },
        .whole("element", "The index within the row.") { $0.element },
        .number("returned", "The share of the circuits found on resampled data that contain it.") { $0.returned },
    ]
}
