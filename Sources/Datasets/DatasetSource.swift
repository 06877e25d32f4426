import Archives
import Text

/// The location of samples and how to read them: everything that the command line can specify.
///
/// | kind | recognised by | samples | answers |
/// |---|---|---|---|
/// | `.npz` | a zip file | `x`, `X` or `images` | `y`, `Y` or `labels` |
/// | `.npy` | its magic bytes | the array | a file of labels |
/// | IDX | its magic bytes | the array | a file of labels |
/// | CIFAR-10, CIFAR-100 | `.bin` (or standard input) without a context, whole records, labels that are classes | [3, 32, 32] | the last label of a record |
/// | flat token ids | `.bin` with a context | windows | the next token |
/// | text | `.txt` | windows of its token ids | the next token, or masked tokens |
/// | texts with labels | `.jsonl`; `.csv` and `.tsv` with a column of texts | the texts | the labels |
/// | modular addition | `modadd:P` | `a b P` | (a + b) mod P |
///
/// Bytes are divided by 255. Integers of one or two dimensions are token ids: in an `.npz`, and in an `.npy` with labels, those of 16 bits or
/// more; in an `.npy` alone all. One dimension is flat. Each file may be compressed separately with gzip, xz, zstd or bzip2.
package struct DatasetSource: Sendable {
    /// A file, `-` for standard input, or `modadd:P`, `modadd:P:train`, `modadd:P:test`.
    package var path: String
    /// A file of the samples' labels: IDX, `.npy`, or `.npz` with `y`, `Y` or `labels`.
    package var labels: String?
    /// The numbers that are subtracted from values and that divide them, after bytes were divided by 255.
    package var normalization: Normalization?
    /// What the model's own preprocessing does with images of bytes, where ``normalization`` is nil; read when there are such images.
    package var preprocessing: (@Sendable () throws -> ImagePreprocessing)?
    /// The length of the windows that flat token ids and text are cut into.
    package var context: Int?
    /// How a `.bin` stores token ids.
    package var tokenWidth: TokenWidth
    /// The share of modular addition's pairs that are its train part.
    package var trainFraction: Double
    /// Decides the parts of modular addition.
    package var seed: UInt64
    /// Use only this number of samples from the beginning; all if nil.
    package var limit: Int?
    /// What the data asks for; nil if the data and the model decide.
    package var task: DataTask?
    /// Turns text into token ids; nil if the checkpoint brought no tokenizer.
    package var tokenize: (@Sendable (String) throws -> [Int32])?

    // What a model adds that reads the data.
    /// What the model does with text.
    package var modelTask: DataTask?
    /// The checkpoint's tokenizer, for texts that are samples and for masks; nil if it brought none.
    package var tokenizer: LazyTokenizer?
    /// The model's classes, for labels in words.
    package var classNames: ClassNames?
    /// The tokens of the longest sample that the model reads, to which texts that are samples are cut; nil if there is no bound.
    package var longestSequence: Int?
    /// Whether labels only tell samples apart: the model is not asked for them.
    package var labelsAreGroups = false

    package init(
        path: String, labels: String? = nil, normalization: Normalization? = nil, context: Int? = nil, tokenWidth: TokenWidth = .uint16,
        trainFraction: Double = 0.3, seed: UInt64 = 0, limit: Int? = nil, tokenize: (@Sendable (String) throws -> [Int32])? = nil
    ) {
        self.path = path
        self.labels = labels
        self.normalization = normalization
        self.context = context
        self.tokenWidth = tokenWidth
        self.trainFraction = trainFraction
        self.seed = seed
        self.limit = limit
        self.tokenize = tokenize
    }

    /// Opens the data. Values of uncompressed files stay in the file until they are requested.
    ///
    /// - Throws: ``Problem`` if it cannot be read, is damaged, or does not fit the options; what ``tokenize`` throws.
    package func open() throws -> Dataset {
        let all = try openAll()
        guard let limit, limit < all.count else { return all }
        return all.selecting(Array(0..<limit))
    }

    private func openAll() throws -> Dataset {
        if let addition = try ModularAddition(path) {
            try refuse(labels: true, normalization: true, context: true, for: "modular addition")
            if let task, task != .classify {
                throw Problem("does not apply to modular addition", path: path, setting: .task, expected: "classify", found: task.rawValue)
            }
            return try addition.dataset(trainFraction: trainFraction, seed: seed)
        }
        return try open(DataFile(path: path))
    }

    /// Opens bytes that were found at ``path``.
    func open(_ file: DataFile) throws -> Dataset {
        switch try file.kind(context: context) {
        case .npz: return try asked(dataset(ArrayData(npz: file)))
        case .npy: return try asked(dataset(ArrayData(npy: file, hasLabels: labels != nil)))
        case .idx: return try asked(dataset(ArrayData(idx: file)))
        case .images(let batch):
            try refuse(labels: true, context: true, for: "a CIFAR batch")
            let own = try preprocessing(of: CIFARBatch.shape)
            return try asked(preprocessed(batch.dataset(name: path, normalization: normalization ?? own?.normalization), own))
        case .flatTokens:
            try refuse(labels: true, normalization: true, for: "token ids")
            return try asked(FlatTokens(file, width: tokenWidth).dataset(context: context))
        case .labelledText(let layout):
            try refuse(labels: true, normalization: true, for: "texts in a table or in JSON lines")
            return try labelled(file, layout)
        case .text:
            try refuse(labels: true, normalization: true, for: "text")
            let text = try file.text()
            switch task ?? modelTask {
            case .masked: return try masked(wrappedWindows(of: text))
            case .classify where task != nil, .regression, .reconstruction:
                throw Problem(
                    "does not apply to text without samples", path: path, setting: .task, expected: "next-token or masked",
                    found: task?.rawValue)
            case .classify, .nextToken, nil: break
            }
            guard let tokenize else {
                throw Problem(path: path, problem: "text needs a tokenizer, and the checkpoint has no tokenizer.json")
            }
            return try Dataset.windows(of: tokenize(text), context: context, name: path)
        case .pairs:
            throw Problem(
                path: path, problem: "prompt pairs are not samples",
                expected: "npz, npy, IDX, CIFAR, token ids, .txt, or texts under 'text' in .jsonl, .csv or .tsv")
        }
    }

    /// The samples with the answers that the task asks for.
    private func asked(_ dataset: Dataset) throws -> Dataset {
        var dataset = dataset
        switch (task, dataset.targets) {
        case (nil, .nextToken) where modelTask == .masked && tokenizer != nil: return try masked(dataset)
        case (nil, _), (.regression, _): return dataset
        case (.classify, .labels), (.classify, .answers):
            dataset.areClassesStated = true
            return dataset
        case (.classify, _):
            throw Problem(path: path, problem: "has no labels", expected: "a label for each sample", hint: .giveLabels)
        case (.nextToken, _):
            guard case .tokens = dataset.inputs else {
                throw Problem("is for tokens", path: path, setting: .task, expected: "text or token ids", found: "numbers")
            }
            return dataset.asking(.nextToken)
        case (.masked, _): return try masked(dataset)
        case (.reconstruction, _):
            guard case .values = dataset.inputs else {
                throw Problem("is for numbers", path: path, setting: .task, expected: "samples of numbers", found: "token ids")
            }
            return dataset.asking(.inputs)
        }
    }

    private func dataset(_ arrays: ArrayData) throws -> Dataset {
        var arrays = arrays
        if let labels { try arrays.readTargets(from: labels) }
        arrays.task = task
        guard arrays.areImagesOfIntegers else { return try arrays.dataset(normalization: normalization, context: context) }
        let own = try preprocessing(of: arrays.sampleShape)
        if own != nil, !arrays.areImagesOfBytes {
            throw Problem(
                path: path, problem: "holds pixels of a type that the model's preprocessor_config.json is not for",
                expected: "bytes (u8), or the real numbers that the model reads", found: arrays.sampleType, hint: .giveNormalization)
        }
        return try preprocessed(arrays.dataset(normalization: normalization ?? own?.normalization, context: context), own)
    }

    /// What the model's own preprocessing does with images of this shape; nil if it has none, or the user's normalisation applies.
    private func preprocessing(of shape: [Int]) throws -> ImagePreprocessing? {
        guard normalization == nil, let own = try preprocessing?() else { return nil }
        do {
            try own.check(shape)
        } catch {
            throw error.at(path: path)
        }
        return own
    }

    private func preprocessed(_ dataset: Dataset, _ preprocessing: ImagePreprocessing?) -> Dataset {
        guard preprocessing?.isCropping == true else { return dataset }
        var dataset = dataset
        dataset.notes.append("its images are taken to be resized and cropped already, as the model's preprocessor_config.json does it")
        return dataset
    }

    /// Refuses options that were given and say nothing about this kind of data.
    private func refuse(labels: Bool = false, normalization: Bool = false, context: Bool = false, for kind: String) throws {
        var given: [Setting] = []
        if labels, self.labels != nil { given.append(.labels) }
        if normalization, self.normalization != nil { given.append(.normalization) }
        if context, self.context != nil { given.append(.context) }
        guard let setting = given.first else { return }
        throw Problem("does not apply to \(kind)", path: path, setting: setting)
    }
}
