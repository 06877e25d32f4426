import Archives

/// What one weight file holds: the models found in it and what a reader has to know of them.
package struct WeightFile: Sendable {
    /// A dictionary of tensors inside the file that could be a model.
    package struct Model: Sendable {
        /// Where it is nested, `a.b`; empty for the file's own top level.
        package let key: String
        /// In the file's order.
        package let tensors: [TensorRecord]
        /// The tensors that it names and that cannot be read, in the file's order.
        package let unreadable: [UnreadableTensor]
        /// The modules with their classes, where the file keeps them whole.
        package var module: SavedModule?

        package init(key: String, tensors: [TensorRecord], unreadable: [UnreadableTensor] = []) {
            self.key = key
            self.tensors = tensors
            self.unreadable = unreadable
        }

        /// The same model one level deeper.
        func nested(under outer: String) -> Model {
            var model = Model(key: key.isEmpty ? outer : outer + "." + key, tensors: tensors, unreadable: unreadable)
            model.module = module
            return model
        }
    }

    /// The format's name as users know it, such as `safetensors` or `PyTorch zip`.
    package let format: String
    /// Every candidate model; formats without nesting have one.
    package internal(set) var models: [Model]
    /// Whether the order of the tensors is the order in which the model defines them.
    package let keepsOrder: Bool
    /// The globals that a loader of the format would have to import or call, beyond those that tensors and plain data need.
    package internal(set) var foreignGlobals: [String]

    /// Files that belong to the model and are kept in the weight file itself, by name.
    package let companions: [String: ByteRegion]

    /// The metadata of the file, in its order.
    package let metadata: [MetadataEntry]

    /// What is assumed of the model that the file does not say, in words.
    var assumptions: [String] = []

    /// The progress of the training run, as the file records it.
    var training: TrainingProgress?

    /// Which part of a split model the file is; nil for a whole one.
    let part: SplitPart?

    init(
        format: String, models: [Model], keepsOrder: Bool, foreignGlobals: [String] = [], companions: [String: ByteRegion] = [:],
        metadata: [MetadataEntry] = [], part: SplitPart? = nil
    ) {
        self.format = format
        self.models = models
        self.keepsOrder = keepsOrder
        self.foreignGlobals = foreignGlobals
        self.companions = companions
        self.metadata = metadata
        self.part = part
    }

    /// The same file with more tensors in its first model, those whose names it has left out.
    func adding(_ tensors: [TensorRecord]) -> WeightFile {
        guard !tensors.isEmpty, let first = models.first else { return self }
        let known = Set(first.tensors.map(\.name))
        var model = Model(
            key: first.key, tensors: first.tensors + tensors.filter { !known.contains($0.name) }, unreadable: first.unreadable)
        model.module = first.module
        var file = self
        file.models[0] = model
        return file
    }

    /// The same file with the kernels of Keras and Flax as [out, in, ...]; see ``KernelNames``.
    ///
    /// - Parameter isOfPyTorch: whether the file is one of PyTorch's.
    func readingKernels(isOfPyTorch: Bool = false) -> WeightFile {
        var file = self
        for (place, model) in models.enumerated() {
            let turned = KernelNames.outputFirst(model.tensors, isOfPyTorch: isOfPyTorch)
            file.models[place] = Model(key: model.key, tensors: turned.tensors, unreadable: model.unreadable)
            file.models[place].module = model.module
            if turned.isAssumed, !file.assumptions.contains(KernelNames.assumption) { file.assumptions.append(KernelNames.assumption) }
        }
        return file
    }

    /// The same file, whose models are of the modules given.
    func with(_ module: SavedModule) -> WeightFile {
        let models = self.models.map { model in
            var model = model
            model.module = module
            return model
        }
        var file = WeightFile(
            format: format, models: models, keepsOrder: keepsOrder, foreignGlobals: foreignGlobals, companions: companions,
            metadata: metadata, part: part)
        file.training = training
        file.assumptions = assumptions
        return file
    }
}
