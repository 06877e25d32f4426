import Archives
import Synchronization
import Text

/// What a GGUF file calls the tensors and the settings of a model that is read under transformers' names.
package struct FileNames: Sendable {
    /// By the model's tensors; an expert of several in one tensor as `blk.0.ffn_up_exps.weight[3]`.
    private let tensors: [String: String]
    /// The keys of the metadata by the settings that were made of them.
    private let settings: [String: String]
    private let architecture: String
    /// The tokenizer in the metadata; nil if a file beside takes its place.
    let tokenizer: LlamaCppTokenizerFile?

    init(tensors: [String: String], settings: [String: String], architecture: String, tokenizer: LlamaCppTokenizerFile?) {
        self.tensors = tensors
        self.settings = settings
        self.architecture = architecture
        self.tokenizer = tokenizer
    }

    /// The file's name of a tensor of the model.
    package func name(ofTensor name: String) -> String? { tensors[name] }

    /// The file's name of a layer: that of its tensor, with the part that the layer is.
    package func name(of layer: Layer) -> String? {
        tensors[layer.tensorName].map { $0 + layer.name.dropFirst(layer.tensorName.count) }
    }

    /// A problem with a setting of `config.json`, which the file does not have, as one with the key of the metadata that it is made of.
    package func renaming(_ problem: Problem) -> Problem {
        let file = "config.json"
        guard let subject = problem.subject, subject == file || subject.hasPrefix(file + ":") else { return problem }
        var problem = problem
        let setting = subject.dropFirst(file.count + 2).filter { $0 != "'" }
        if let key = settings[setting] {
            problem.subject = "'\(key)'"
        } else {
            problem.subject = setting.isEmpty ? "the metadata of '\(architecture)'" : "'\(setting)', which follows from the metadata"
        }
        return problem
    }
}

/// The tokenizer in a GGUF file's metadata as a `tokenizer.json`, made when it is first needed.
final class LlamaCppTokenizerFile: Sendable {
    private let metadata: LlamaCppMetadata
    private let made = Mutex<Result<ByteRegion?, Problem>?>(nil)

    init(_ metadata: LlamaCppMetadata) { self.metadata = metadata }

    /// nil if the metadata hold no tokenizer.
    ///
    /// - Throws: ``Problem`` for one that cannot be read.
    func file() throws(Problem) -> ByteRegion? {
        let result = made.withLock { known in
            if let known { return known }
            let result: Result<ByteRegion?, Problem>
            do throws(Problem) {
                result = .success(try LlamaCppTokenizer(metadata).json.map { ByteRegion(copying: Array($0.utf8)) })
            } catch {
                result = .failure(error)
            }
            known = result
            return result
        }
        return try result.get()
    }
}

extension Layer {
    /// Labels of the rows as the file stores them, in the order of the matrix's rows.
    package func inModelOrder<Label>(_ labels: [Label]) -> [Label] {
        guard let rows = tensor.derived as? RearrangedRows, labels.count == tensor.shape.first else { return labels }
        return labels.indices.map { labels[rows.source(of: $0)] }
    }
}
