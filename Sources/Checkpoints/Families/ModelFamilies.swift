/// The families that are known: the one list that recognition, layers, prefixes, help and manual are read from.
package struct ModelFamilies: Sendable {
    /// In the order in which they are asked whether they recognise a checkpoint's names.
    package let families: [ModelFamily]

    private let mlps: MLPEndings

    package init(_ families: [ModelFamily]) {
        self.families = families
        mlps = MLPEndings(families.flatMap(\.mlpInputs))
    }

    /// The families of this program.
    package static let standard = ModelFamilies([
        .grokking, .transformerLens, .gguf, .gptNeox, .gptNeo, .circuitSparsity, .gpt2, .gptBigCode, .gptj, .gemma, .qwen2, .mistral,
        .llama4, .llama, .phi,
        .opt,
        .olmo2, .bloom, .stablelm, .starcoder2, .granite, .smollm3, .gptOss, .deit, .vit, .roberta, .electra, .distilbert, .bert, .dinov2,
        .timmVision, .torchvisionVision, .convnext, .convnextNames, .resnet, .resnetNames, .vgg, .mobilenet, .transformer, .chain, .unknown,
    ])

    /// These families and another one, which is asked before them.
    package func adding(_ family: ModelFamily) -> ModelFamilies { ModelFamilies([family] + families) }

    /// The family that a `config.json` names by `model_type`; nil for a type that is not known.
    func family(modelType: String) -> ModelFamily? { families.first { $0.modelTypes.contains(modelType) } }

    /// The family that the names and shapes alone identify; nil if they are not those of a transformer.
    func family(of names: TensorNames) -> ModelFamily? { families.first { $0.isRecognized?(names) ?? false } }

    /// The names of the MLP of which a tensor is the input matrix, by the module names of all families and by the tensors next to it;
    /// nil for any other tensor. If several names match, the longest is used.
    func mlpNames(of name: TensorName, _ index: TensorIndex) -> MLPNames? {
        guard name.isNumbered else { return nil }
        return mlps.matches(name.module).first { names in
            func has(_ other: String) -> Bool {
                TensorIndex.sibling(of: name, replacing: names.input, with: other).map { index.shape(of: $0) != nil } ?? false
            }
            switch names.evidence {
            case .none: return true
            case .output: return names.output.map(has) ?? false
            case .sibling(let other): return has(other)
            case .without(let other): return !has(other)
            }
        }
    }

    /// The prefixes that a tensor's name may have: those of training wrappers, then those of the families' base models.
    var prefixes: [String] {
        families.reduce(into: ["module.", "_orig_mod."]) { prefixes, family in
            prefixes += family.prefixes.filter { !prefixes.contains($0) }
        }
    }
}

/// The names of MLPs, found by the last part of their input's.
private struct MLPEndings: Sendable {
    private var endings: [Substring: [(parts: [Substring], names: MLPNames)]] = [:]

    init(_ all: [MLPNames]) {
        // Names without other evidence come last.
        for names in Set(all).sorted(by: { ($0.output ?? "") > ($1.output ?? "") }) {
            let parts = names.input.split(separator: ".")
            if let last = parts.last { endings[last, default: []].append((parts, names)) }
        }
        for key in endings.keys { endings[key]?.sort { $0.parts.count > $1.parts.count } }
    }

    func matches(_ module: ArraySlice<Substring>) -> [MLPNames] {
        guard let last = module.last, let candidates = endings[last] else { return [] }
        return candidates.filter { module.suffix($0.parts.count).elementsEqual($0.parts) }.map(\.names)
    }
}
