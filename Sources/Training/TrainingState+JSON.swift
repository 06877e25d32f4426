import Text

extension TrainingState.Record {
    /// Reads the record as ``TrainingState/write(_:)`` writes it.
    static func read(_ cursor: inout JSONCursor) throws -> TrainingState.Record {
        var (version, step): (Int?, Int?)
        var (options, notes): ([String: String]?, [String: String]?)
        var parameters: [String]?
        var (lambda, bestLoss): (Double?, Double?)
        var bestStep: Int?
        var clusters: [Clusters]?
        try cursor.readObject { cursor, key in
            switch key {
            case "version": version = try cursor.readInteger()
            case "step": step = try cursor.readInteger()
            case "options": options = try cursor.readTextMembers()
            case "notes": notes = try cursor.readTextMembers()
            case "parameters": parameters = try cursor.readTexts()
            case "lambda": lambda = cursor.takeNull() ? nil : try cursor.readDouble()
            case "bestLoss": bestLoss = cursor.takeNull() ? nil : try cursor.readDouble()
            case "bestStep": bestStep = cursor.takeNull() ? nil : try cursor.readInteger()
            case "clusters":
                var found: [Clusters] = []
                try cursor.readList { cursor in found.append(try Clusters.read(&cursor)) }
                clusters = found
            default: try cursor.skip()
            }
        }
        guard let version, let step, let options, let notes, let parameters, let clusters else { throw Problem("a member is missing") }
        return .init(
            version: version, step: step, options: options, parameters: parameters, lambda: lambda, bestStep: bestStep, bestLoss: bestLoss,
            clusters: clusters, notes: notes)
    }
}

extension TrainingState.Record.Clusters {
    fileprivate static func read(_ cursor: inout JSONCursor) throws -> TrainingState.Record.Clusters {
        var layer: String?
        var (count, out, input): (Int?, [Int]?, [Int]?)
        try cursor.readObject { cursor, key in
            switch key {
            case "layer": layer = try cursor.readText()
            case "count": count = try cursor.readInteger()
            case "out": out = try cursor.readIntegers()
            case "in": input = try cursor.readIntegers()
            default: try cursor.skip()
            }
        }
        guard let layer, let count, let out, let input else { throw Problem("a member is missing") }
        return .init(layer: layer, count: count, out: out, in: input)
    }
}
