/// Rows looked up in a table by number: embeddings of tokens and positions.
package enum TableRows {
    /// Where entry e of a table is stored.
    package enum Layout: Sendable {
        /// [entries, width]: entry e is row e.
        case rows
        /// [width, entries]: entry e is column e.
        case columns
    }

    /// The numbers of entries and of elements of one in a table of that shape.
    package static func sizes(_ shape: [Int], _ layout: Layout) -> (entries: Int, width: Int) {
        layout == .rows ? (shape[0], shape[1]) : (shape[1], shape[0])
    }

    /// Row r of target = scale * entry entries(r) of the table.
    ///
    /// - Parameter entry: below the table's number of entries for each row.
    package static func gather(
        _ table: Tensor, _ layout: Layout, scale: Float = 1, into target: MutableTensor, team: Team, entry: @Sendable (Int) -> Int
    ) {
        let (entries, width) = sizes(table.shape, layout)
        guard width > 0 else { return }
        precondition(target.count % width == 0, "\(target.shape) from \(table.shape)")
        team.forEach(target.count / width, step: RowSoftmax.step(width)) { rows in
            for row in rows {
                let entry = entry(row)
                precondition(entry >= 0 && entry < entries, "entry \(entry) of \(entries)")
                let y = target.mutablePointer + row * width
                switch layout {
                case .rows:
                    let x = table.pointer + entry * width
                    if scale == 1 { y.update(from: x, count: width) } else { for i in 0..<width { y[i] = scale * x[i] } }
                case .columns:
                    let x = table.pointer + entry
                    for i in 0..<width { y[i] = scale * x[i * entries] }
                }
            }
        }
    }

    /// Row r of target = row r of source + entry entries(r) of a table [entries, width]. Source and target may be the same memory.
    package static func add(
        _ table: Tensor, toRowsOf source: Tensor, into target: MutableTensor, team: Team, entry: @Sendable (Int) -> Int
    ) {
        let (entries, width) = sizes(table.shape, .rows)
        guard width > 0 else { return }
        precondition(source.count == target.count && target.count % width == 0, "\(target.shape) from \(source.shape) and \(table.shape)")
        team.forEach(target.count / width, step: RowSoftmax.step(width)) { rows in
            for row in rows {
                let entry = entry(row)
                precondition(entry >= 0 && entry < entries, "entry \(entry) of \(entries)")
                let (t, x, y) = (table.pointer + entry * width, source.pointer + row * width, target.mutablePointer + row * width)
                for i in 0..<width { y[i] = x[i] + t[i] }
            }
        }
    }

    /// Entry entries(r) of the table's gradient += scale * row r of `outputGradient`, in the order of the rows.
    ///
    /// - Parameter left: an entry that gets nothing.
    package static func scatterAdd(
        _ outputGradient: Tensor, scale: Float = 1, toEntriesOf gradient: MutableTensor, _ layout: Layout, leavingOut left: Int? = nil,
        team: Team, entry: @Sendable (Int) -> Int
    ) {
        let (entries, width) = sizes(gradient.shape, layout)
        guard width > 0 else { return }
        precondition(outputGradient.count % width == 0, "\(outputGradient.shape) to \(gradient.shape)")
        let rows = outputGradient.count / width
        // Rows may share an entry: a piece is a range of the width over all rows.
        team.forEach(width, step: 64) { columns in
            for row in 0..<rows {
                let entry = entry(row)
                precondition(entry >= 0 && entry < entries, "entry \(entry) of \(entries)")
                if entry == left { continue }
                let dy = outputGradient.pointer + row * width
                switch layout {
                case .rows:
                    let dx = gradient.mutablePointer + entry * width
                    for i in columns { dx[i] += scale * dy[i] }
                case .columns:
                    let dx = gradient.mutablePointer + entry
                    for i in columns { dx[i * entries] += scale * dy[i] }
                }
            }
        }
    }
}
