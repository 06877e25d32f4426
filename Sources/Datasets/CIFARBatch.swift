import Archives
import Checkpoints

/// The binary batches of CIFAR: records of labels and a picture of 3 x 32 x 32 bytes. Several batches may follow one another.
///
/// They have no header. Bytes are a batch if their number is a multiple of a record's and every label is one of its classes.
struct CIFARBatch: Sendable {
    /// What CIFAR-10 and CIFAR-100 put before each picture: the number of classes of each label; the last label is the answer.
    private static let layouts = [[10], [20, 100]]
    static let shape = [3, 32, 32]
    private static let pictureSize = 3072

    /// The bytes of a record of CIFAR-10 and of CIFAR-100.
    static let recordSizes = layouts.map { $0.count + pictureSize }

    /// The pictures, [N, 3072], in place.
    private let pictures: TensorRecord
    let labels: [Int32]

    /// The batch in `content`; nil if the bytes are none.
    init?(_ content: ByteRegion) {
        for classes in Self.layouts {
            let size = classes.count + Self.pictureSize
            guard content.count > 0, content.count % size == 0,
                let labels = Self.labels(content, classes: classes, count: content.count / size),
                let pictures = try? TensorRecord(
                    name: "", dtype: .u8, shape: [labels.count, Self.pictureSize], strides: [size, 1], offset: classes.count,
                    storage: content)
            else { continue }
            self.labels = labels
            self.pictures = pictures
            return
        }
        return nil
    }

    /// Whether bytes that begin with `head` can be a batch: their first labels are classes.
    static func isPossible(_ head: [UInt8]) -> Bool {
        layouts.contains { classes in zip(head, classes).allSatisfy { Int($0) < $1 } }
    }

    func dataset(name: String, normalization: Normalization?) throws -> Dataset {
        let values = try ArrayData.values(pictures, shape: Self.shape, scale: .byte, normalization: normalization, array: nil, path: name)
        return Dataset(name: name, inputs: .values(values), targets: .labels(labels))
    }

    private static func labels(_ content: ByteRegion, classes: [Int], count: Int) -> [Int32]? {
        let size = classes.count + pictureSize
        return content.withUnsafeBytes { bytes in
            var labels: [Int32] = []
            labels.reserveCapacity(count)
            for record in 0..<count {
                for (place, number) in classes.enumerated() where bytes[record * size + place] >= number { return nil }
                labels.append(Int32(bytes[record * size + classes.count - 1]))
            }
            return labels
        }
    }
}
