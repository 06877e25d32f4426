/// The roles of the files in a model's folder, by their names.
enum ModelFiles {
    /// The names under which Hugging Face's libraries look for a model; the first that exists is used.
    private static let standardNames =
        [
            "model.safetensors.index.json", "model.safetensors", "pytorch_model.bin.index.json", "pytorch_model.bin",
        ] + Adapter.weightNames

    /// Those of complete models.
    static var standardModelNames: [String] { standardNames.filter { !Adapter.weightNames.contains($0) } }

    private static let weightExtensions = WeightFormat.allCases.flatMap(\.endings)

    /// Files of tensors that training leaves next to a model and that are not models.
    private static let trainingPrefixes = ["optimizer", "scheduler", "rng_state", "random_states", "._"]
    private static let trainingNames = ["training_args.bin", "scaler.pt"]
    private static let trainingSuffixes = ["_optim_states.pt"]
    private static let otherExtensions = [
        ".json", ".jsonl", ".txt", ".md", ".py", ".yaml", ".yml", ".toml", ".csv", ".tsv", ".model", ".png", ".jpg", ".html", ".log",
        DistributedCheckpoint.partEnding,
    ]

    /// The place of a standard name in the order of preference; nil for other names.
    static func rank(_ baseName: String) -> Int? { standardNames.firstIndex(of: baseName) }

    /// Whether the name is that of an index of shards.
    static func isIndex(_ baseName: String) -> Bool {
        baseName.hasSuffix(".safetensors.index.json") || baseName.hasSuffix(".bin.index.json")
    }

    /// Whether the name is that of one of several files of a model: `model-00001-of-00003.safetensors`.
    static func isShard(_ baseName: String) -> Bool {
        let parts = MemberPath.stem(baseName).split(separator: "-")
        guard parts.count >= 4, parts[parts.count - 2] == "of" else { return false }
        return [parts[parts.count - 1], parts[parts.count - 3]].allSatisfy { part in
            part.count >= 2 && part.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
        }
    }

    /// Whether a file of this name can be a model at all, whatever it holds.
    static func mayBeModel(_ baseName: String) -> Bool {
        if isIndex(baseName) { return true }
        let name = baseName.lowercased()
        return !trainingPrefixes.contains { name.hasPrefix($0) } && !trainingNames.contains(name)
            && !trainingSuffixes.contains { name.hasSuffix($0) } && !otherExtensions.contains { name.hasSuffix($0) }
    }

    /// Whether the name is that of a file for running a model elsewhere, which counts only where nothing else holds the model.
    static func isExport(_ baseName: String) -> Bool { exportEndings.contains { baseName.lowercased().hasSuffix($0) } }

    private static let exportEndings = WeightFormat.onnx.endings + WeightFormat.flax.endings + [".pt2"]

    /// Whether a file is a model by its first bytes, or has the name of one although it holds something else.
    static func isCandidate(_ file: ContainerFile) -> Bool {
        guard mayBeModel(file.baseName), !file.name.hasPrefix("__MACOSX/") else { return false }
        if file.baseName == DistributedMetadata.fileName {
            let folder = MemberPath.baseName(file.folder)
            return WeightFormat(head: file.head) == .pickle && !trainingPrefixes.contains { folder.hasPrefix($0) }
        }
        if isIndex(file.baseName) || rank(file.baseName) != nil { return true }
        let name = file.baseName.lowercased()
        if weightExtensions.contains(where: { name.hasSuffix($0) }) {
            return WeightFormat(head: file.head) != nil || Impostor(file.head) != nil
        }
        return WeightFormat.isUnmistakable(file.head)
    }
}

/// The files next to a model that belong to it.
enum Companions {
    static let configuration = "config.json"
    /// The settings of OpenAI's sparse circuit models, and the file that they are next to.
    static let sparseCircuitSettings = "beeg_config.json"
    static let sparseCircuitModel = "final_model.pt"
    /// How sentence-transformers makes a sentence's embedding of the states.
    static let pooling = "1_Pooling/config.json"
    /// The modules of a folder of sentence-transformers, in their order.
    static let modules = "modules.json"

    /// Whether a path in a model's folder is that of a file of a module of sentence-transformers, such as `1_Pooling/config.json`.
    static func isOfModule(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2 && isModuleFolder(parts[0]) && ["config.json", "model.safetensors", "pytorch_model.bin"].contains(parts[1])
    }

    /// Whether the name of a folder is a number and a word: `2_Normalize`.
    static func isModuleFolder(_ name: Substring) -> Bool {
        let digits = name.utf8.prefix { (0x30...0x39).contains($0) }
        let word = name.utf8.dropFirst(digits.count + 1)
        return (1...2).contains(digits.count) && name.utf8.dropFirst(digits.count).first == UInt8(ascii: "_")
            && (1...32).contains(word.count)
            && word.allSatisfy { (0x41...0x5A).contains($0 & 0xDF) }
    }

    static let names: Set<String> = [
        configuration, sparseCircuitSettings, "generation_config.json", "tokenizer.json", "tokenizer_config.json",
        "special_tokens_map.json", "vocab.json",
        "merges.txt", "tokenizer.model", "preprocessor_config.json", "modinspect.json", AdapterConfiguration.fileName,
        TrainingProgress.fileName, ONNXFile.graphName, modules, "sentence_bert_config.json", "config_sentence_transformers.json",
        "quantize_config.json", "quant_config.json",
    ]

    /// Whether a file of this name is read when the model is opened, but is not copied with the model.
    static func isRead(_ baseName: String) -> Bool {
        [configuration, sparseCircuitSettings, AdapterConfiguration.fileName, TrainingProgress.fileName].contains(baseName)
            || EncodingSettings.filesBeside[baseName] != nil
    }

    /// The files that a safetensors header can carry if no files can be written next to it.
    static let inHeader = [configuration, sparseCircuitSettings, "modinspect.json"]

    /// Whether a file of this name is kept with the model.
    static func isCompanion(_ baseName: String) -> Bool { names.contains(baseName) }
}
