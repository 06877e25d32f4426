import Archives

extension DatasetSource {
    /// The inputs that determine the samples, besides the seed and the tokenizer, which belong to the run and the checkpoint.
    package enum Part: CaseIterable, Sendable {
        case data, labels, normalization, context, tokenWidth, trainFraction, limit, task
    }

    /// What a part depends on; nil if nothing was given.
    package subscript(dependency part: Part) -> Dependency? {
        switch part {
        case .data: .file(path)
        case .labels: labels.map { .file($0) }
        case .normalization: Dependency.setting(normalization.map { "\($0.means) \($0.deviations)" })
        case .context: Dependency.setting(context)
        case .tokenWidth: .words(tokenWidth.rawValue)
        case .trainFraction: Dependency.setting(trainFraction)
        case .limit: Dependency.setting(limit)
        case .task: Dependency.setting(task?.rawValue)
        }
    }
}

extension Dataset {
    /// Hands on everything that a run can see of the samples, piece by piece: this identifies data that cannot be read twice, such as a
    /// pipe.
    package func forEachPiece(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
        switch inputs {
        case .values(let values):
            try values.shape.withUnsafeBytes(body)
            for start in stride(from: 0, to: count, by: 64) {
                try values.values(of: start..<min(count, start + 64)).withUnsafeBytes(body)
            }
        case .tokens(let tokens):
            for sample in 0..<count {
                let ids = tokens.tokens(of: sample)
                try withUnsafeBytes(of: ids.count, body)
                try ids.withUnsafeBytes(body)
            }
        }
        switch targets {
        case .labels(let list), .answers(let list): try list.withUnsafeBytes(body)
        case .numbers(let numbers): try numbers.values.withUnsafeBytes(body)
        case .masked(let answers):
            for answer in answers.joined() {
                try withUnsafeBytes(of: answer.position, body)
                try withUnsafeBytes(of: answer.token, body)
            }
        case .nextToken, .inputs, .none: break
        }
    }
}
