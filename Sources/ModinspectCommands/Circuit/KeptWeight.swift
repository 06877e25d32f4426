/// A weight that a circuit keeps, as `circuit --kept` writes it.
struct KeptWeight: ColumnRow {
    let label: Int?
    let layer: String
    let row: Int
    let element: Int
    let returned: Double?

    static let columns: [Column<KeptWeight>] = [
        .whole("label", "The label that the circuit is for; missing where it is the whole model's.") { $0.label },
        .text("layer", "The tensor's name.") { $0.layer },
        .whole("row", "The index of the tensor's first dimension.") { $0.row },
        .whole("element", "The place within it.") { $0.element },
        .number("returned", "The share of the circuits of resampled samples that have it.") { $0.returned },
    ]
}
