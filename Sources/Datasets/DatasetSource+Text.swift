import Text

extension DatasetSource {
    /// Texts, one a sample, with the special tokens that the tokenizer puts around a text.
    func labelled(_ file: DataFile, _ layout: LabelledText.Layout) throws -> Dataset {
        let texts = try LabelledText(file, layout)
        guard let tokenizer else {
            throw Problem(path: path, problem: "text needs a tokenizer, and the checkpoint has no tokenizer.json")
        }
        let longest = min(context ?? .max, longestSequence ?? .max)
        var sequences: [[Int32]] = []
        sequences.reserveCapacity(texts.records.count)
        var cut = 0
        for (number, record) in texts.records.enumerated() {
            let (ids, isCut) = try tokenizer.encodeSample(record.text, longest: longest)
            guard !ids.isEmpty else {
                throw Problem(path: path, problem: "the text of \(texts.place(number)) has no tokens", expected: "1 token or more")
            }
            sequences.append(ids)
            cut += isCut ? 1 : 0
        }
        let tokens = Dataset.Inputs.tokens(TokenSequences(sequences))
        var dataset = try answered(texts, tokens, sequences, tokenizer)
        if cut > 0 { dataset.notes.append("\(cut) of \(sequences.count) texts are cut to \(longest) tokens") }
        return dataset
    }

    /// The texts with what they ask for.
    private func answered(_ texts: LabelledText, _ tokens: Dataset.Inputs, _ sequences: [[Int32]], _ tokenizer: LazyTokenizer) throws
        -> Dataset
    {
        func dataset(_ targets: Dataset.Targets) -> Dataset { Dataset(name: path, inputs: tokens, targets: targets) }
        let wanted = task ?? modelTask
        switch wanted {
        case .reconstruction:
            throw Problem("is for numbers", path: path, setting: .task, expected: "samples of numbers", found: "text")
        case .nextToken where task != nil || texts.labels == nil: return dataset(.nextToken)
        case .masked:
            if let given = try givenMasks(texts, sequences, tokenizer) { return dataset(.masked(given)) }
            if task != nil || texts.labels == nil { return try masked(dataset(.none)) }
        case .regression:
            guard let labels = texts.labels else { throw Problem(path: path, problem: "has no labels", expected: "a number for each text") }
            let numbers = try labels.enumerated().map { number, label in
                guard let value = Float(label), value.isFinite else {
                    throw Problem(
                        path: path, problem: "the label of \(texts.place(number)) is no number", expected: "a finite number",
                        found: label.quotedInMessage)
                }
                return value
            }
            return dataset(.numbers(.init(width: 1, values: numbers)))
        case .classify, .nextToken, nil: break
        }
        guard let labels = texts.labels else {
            if task == .classify { throw Problem(path: path, problem: "has no labels", expected: "a label for each text") }
            return dataset(.none)
        }
        if task == nil, !labelsAreGroups, let modelTask, modelTask != .classify {
            throw Problem(
                path: path, problem: "has a label for each text, which a model of tokens does not score",
                hint: .giveTask(modelTask.rawValue, means: "leaves the labels aside"))
        }
        let numbering = try (classNames ?? ClassNames([], count: 0)).numbering(
            labels, areNumbers: texts.labelsAreNumbers, areGroups: labelsAreGroups, path: path, place: texts.place)
        var result = dataset(.labels(numbering.labels))
        result.areClassesStated = numbering.isNamed || task == .classify
        result.classNames = numbering.names
        if let note = numbering.note { result.notes.append(note) }
        if classNames?.areSeveralEach ?? false, !labelsAreGroups {
            result.notes.append("the model gives a text several classes (problem_type); it is scored as if it gave one")
        }
        return result
    }

    /// The answers of texts that have mask tokens of their own; nil if no text has one.
    ///
    /// A label is the text of as many tokens as its sample has masks.
    private func givenMasks(_ texts: LabelledText, _ sequences: [[Int32]], _ tokenizer: LazyTokenizer) throws -> [[Dataset.MaskedAnswer]]? {
        guard let mask = try tokenizer.maskToken() else { return nil }
        let word = try tokenizer.text(of: mask)
        guard sequences.contains(where: { $0.contains(mask) }) else {
            guard let word, !word.isEmpty, let number = texts.records.firstIndex(where: { $0.text.contains(word) }) else { return nil }
            throw Problem(
                path: path, problem: "the mask of \(texts.place(number)) is beyond the tokens that the model reads",
                expected: "one of the first \(sequences[number].count) tokens")
        }
        guard let labels = texts.labels else {
            throw Problem(path: path, problem: "texts have masks and no labels", expected: "the masked token as the label of each text")
        }
        let special = try tokenizer.specialTokens()
        return try zip(sequences, labels).enumerated().map { number, sample in
            let places = sample.0.indices.filter { sample.0[$0] == mask }
            if let word, let answer = try answer(sample.1, in: texts.records[number].text, maskedBy: word, at: places, tokenizer) {
                return zip(places, answer).map { Dataset.MaskedAnswer(position: $0, token: $1) }
            }
            // Byte-level vocabularies have a word in a text under its space, and the first one without.
            let isFirst = !texts.beginsWithSpace(number) && sample.0.prefix(places.first ?? 0).allSatisfy(special.contains)
            let spelled = try [sample.1, " " + sample.1].map { try tokenizer.encode($0) }
            guard !places.isEmpty else {
                throw Problem(
                    path: path, problem: "the text of \(texts.place(number)) has no mask in the tokens that are read",
                    expected: "a mask token for the label \(sample.1.quotedInMessage)", found: "\(sample.0.count) tokens without one")
            }
            guard let answer = (isFirst ? spelled : spelled.reversed()).first(where: { $0.count == places.count }) else {
                throw Problem(
                    path: path,
                    problem: "the label of \(texts.place(number)) is not as many tokens as its text has masks: \(sample.1.quotedInMessage)",
                    expected: "\(places.count)", found: "\(spelled[0].count)")
            }
            return zip(places, answer).map { Dataset.MaskedAnswer(position: $0, token: $1) }
        }
    }

    /// The tokens of a label where it stands in its text in place of the only mask; nil if there are more masks, or if the text has other tokens
    /// then.
    private func answer(
        _ label: String, in text: String, maskedBy mask: String, at places: [Int], _ tokenizer: LazyTokenizer
    ) throws -> [Int32]? {
        guard places.count == 1, !mask.isEmpty, let place = text.firstRange(of: mask) else { return nil }
        let filled = text[..<place.lowerBound] + label + text[place.upperBound...]
        // Not cut: the label may be more tokens than the mask is.
        let masked = try tokenizer.encodeSample(text, longest: .max).ids
        let ids = try tokenizer.encodeSample(String(filled), longest: .max).ids
        guard ids.count == masked.count, ids.indices.allSatisfy({ $0 == places[0] || ids[$0] == masked[$0] }) else { return nil }
        return [ids[places[0]]]
    }

    /// `dataset` with tokens masked under the seed.
    ///
    /// - Throws: ``Problem`` if there is no mask token.
    func masked(_ dataset: Dataset) throws -> Dataset {
        guard case .tokens = dataset.inputs else {
            throw Problem("is for tokens", path: path, setting: .task, expected: "text or token ids", found: "numbers")
        }
        guard let tokenizer, let mask = try tokenizer.maskToken() else {
            throw Problem(
                path: path, problem: "tokens cannot be masked without a mask token",
                expected: "a tokenizer.json with [MASK] or <mask> beside the weights",
                found: tokenizer == nil ? "no tokenizer" : "none of them in the tokenizer")
        }
        return try MaskedTokens(mask: mask, special: try tokenizer.specialTokens(), seed: seed).masking(dataset)
    }

    /// A text in windows, each with the special tokens around it, for models that read such samples.
    func wrappedWindows(of text: String) throws -> Dataset {
        guard let tokenizer else {
            throw Problem(path: path, problem: "text needs a tokenizer, and the checkpoint has no tokenizer.json")
        }
        let ids = try tokenizer.encode(text)
        guard let context else {
            throw Problem(
                path: path, problem: "text without samples", expected: "a context length", hint: .setContext(nil, cut: "it into sequences"))
        }
        let around = try tokenizer.wrapped([]).count
        guard context > around else {
            throw Problem(path: path, problem: "the context is too short", expected: "more than \(around)", found: "\(context)")
        }
        guard !ids.isEmpty else { throw Problem(path: path, problem: "too few token ids", expected: "1 or more", found: "0") }
        let length = context - around
        let windows = try stride(from: 0, to: ids.count, by: length).map {
            try tokenizer.wrapped(Array(ids[$0..<min($0 + length, ids.count)]))
        }
        return Dataset(name: path, inputs: .tokens(TokenSequences(windows)), targets: .none)
    }
}
